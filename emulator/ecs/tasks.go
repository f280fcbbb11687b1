package ecs

import (
	"context"
	"encoding/json"
	"slices"

	"sensor-backend/emulator/awsapi"
)

func (c *Controller) listTasks(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	var out struct {
		ARNs []string `json:"taskArns"`
	}
	// The cluster is checked by moto.
	if err := c.config.Moto.JSON(ctx, region, target+"ListTasks", raw, &out); err != nil {
		return nil, err
	}
	if in.DesiredStatus == "" {
		in.DesiredStatus = "RUNNING"
	}
	arns := append([]string{}, out.ARNs...)
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	for _, s := range c.services {
		if !s.place().in(region, in.Cluster) || in.ServiceName != "" && s.roll.Name != lastPart(in.ServiceName) {
			continue
		}
		found = true
		for _, t := range s.roll.Tasks {
			family, _ := splitDefinition(t.Revision.TaskDefinition)
			if desiredStatus(t) == in.DesiredStatus && (in.StartedBy == "" || t.StartedBy == in.StartedBy) && (in.Family == "" || family == in.Family) {
				arns = append(arns, s.place().taskARN(t.ID))
			}
		}
	}
	if in.ServiceName != "" && !found {
		return nil, awsapi.Errorf("ServiceNotFoundException", "Service not found.")
	}
	for id, s := range c.standalone {
		family, _ := splitDefinition(s.task.Revision.TaskDefinition)
		if s.in(region, in.Cluster) && in.ServiceName == "" && desiredStatus(s.task) == in.DesiredStatus &&
			(in.StartedBy == "" || s.task.StartedBy == in.StartedBy) && (in.Family == "" || family == in.Family) {
			arns = append(arns, s.taskARN(id))
		}
	}
	return map[string]any{"taskArns": arns}, nil
}

func (c *Controller) describeTasks(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	tasks, others := []any{}, []string{}
	c.mu.Lock()
	for _, id := range in.Tasks {
		if found, ok := c.taskOf(region, in.Cluster, id); ok {
			tasks = append(tasks, found.describeTask(found.task))
		} else {
			others = append(others, id)
		}
	}
	c.mu.Unlock()
	failures := []any{}
	if len(others) == 0 {
		return map[string]any{"tasks": tasks, "failures": failures}, nil
	}
	rest, err := json.Marshal(others)
	if err != nil {
		return nil, err
	}
	raw["tasks"] = rest
	var out struct {
		Tasks []map[string]any `json:"tasks"`
	}
	if err := c.config.Moto.JSON(ctx, region, target+"DescribeTasks", raw, &out); err != nil {
		return nil, err
	}
	for _, id := range others {
		i := slices.IndexFunc(out.Tasks, func(t map[string]any) bool { return lastPart(text(t["taskArn"])) == lastPart(id) })
		if i < 0 {
			failures = append(failures, map[string]string{"arn": id, "reason": "MISSING"})
			continue
		}
		tasks = append(tasks, out.Tasks[i])
	}
	return map[string]any{"tasks": tasks, "failures": failures}, nil
}

func (c *Controller) stopTask(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	c.mu.Lock()
	found, ok := c.taskOf(region, in.Cluster, in.Task)
	if ok {
		defer c.mu.Unlock()
		if s := found.service; s != nil {
			c.do(s, s.roll.StopTask(c.config.Clock(), found.task.ID, in.Reason))
		} else {
			c.stop(c.standalone[found.task.ID], in.Reason)
		}
		return map[string]any{"task": found.describeTask(found.task)}, nil
	}
	c.mu.Unlock()
	var out map[string]any
	if err := c.config.Moto.JSON(ctx, region, target+"StopTask", raw, &out); err != nil {
		return nil, err
	}
	return out, nil
}
