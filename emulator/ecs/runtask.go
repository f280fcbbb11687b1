package ecs

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
)

// standalone is a task that RunTask started. No service looks after it: it
// ends when its program does, and a failing health check is only told.
type standalone struct {
	place
	task *scheduler.Task
}

// place is what a task's description says of where it runs.
type place struct {
	region     string
	clusterARN string
	group      string // "service:NAME" or, by itself, "family:NAME"
	overrides  json.RawMessage
}

// maxRun is how many tasks one call of RunTask starts.
const maxRun = 10

// keepStopped is how long ECS describes a task that has stopped.
const keepStopped = time.Hour

// runTask starts tasks of a task definition (API RunTask).
func (c *Controller) runTask(ctx context.Context, region string, raw map[string]json.RawMessage) (any, error) {
	var in struct {
		Cluster    string          `json:"cluster"`
		Definition string          `json:"taskDefinition"`
		Count      *int            `json:"count"`
		Group      string          `json:"group"`
		StartedBy  string          `json:"startedBy"`
		Overrides  json.RawMessage `json:"overrides"`
	}
	if err := decode(raw, &in); err != nil {
		return nil, err
	}
	count := 1
	if in.Count != nil {
		count = *in.Count
	}
	if count < 1 || count > maxRun {
		return nil, awsapi.Errorf("InvalidParameterException", "Task count must be between 1 and %d.", maxRun)
	}
	if in.Cluster == "" {
		in.Cluster = "default"
	}
	// Moto knows which clusters there are.
	var ignored any
	if err := c.config.Moto.JSON(ctx, region, target+"ListTasks", map[string]string{"cluster": in.Cluster}, &ignored); err != nil {
		return nil, err
	}
	definition, err := c.activeDefinition(ctx, region, in.Definition)
	if err != nil {
		return nil, err
	}
	overrides, err := readOverrides(in.Overrides, definition.containers)
	if err != nil {
		return nil, err
	}
	family, _ := splitDefinition(definition.arn)
	where := place{
		region: region, clusterARN: "arn:aws:ecs:" + region + ":" + awsapi.DefaultAccount + ":cluster/" + lastPart(in.Cluster),
		group: in.Group, overrides: in.Overrides,
	}
	if where.group == "" {
		where.group = "family:" + family
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetStopped()
	started := []any{}
	for range count {
		t := &scheduler.Task{
			ID: newID("task"), StartedBy: in.StartedBy, State: scheduler.Pending, CreatedAt: c.config.Clock(),
			Revision: scheduler.Revision{TaskDefinition: definition.arn},
		}
		s := &standalone{place: where, task: t}
		c.standalone[t.ID] = s
		spec := agent.Spec{ID: t.ID, Region: region, Cluster: lastPart(where.clusterARN), Definition: definition.arn, Overrides: overrides}
		c.handles[t.ID] = c.config.Launcher.Launch(spec, func(o scheduler.Observation) {
			c.mu.Lock()
			defer c.mu.Unlock()
			s.observe(c.config.Clock(), o)
			if o.Kind == scheduler.Ended {
				delete(c.handles, t.ID)
			}
		})
		started = append(started, s.describeTask(t))
	}
	return map[string]any{"tasks": started, "failures": []any{}}, nil
}

// activeDefinition is a task definition that may be run.
func (c *Controller) activeDefinition(ctx context.Context, region, name string) (found taskDefinition, err error) {
	var out struct {
		Definition struct {
			ARN        string `json:"taskDefinitionArn"`
			Status     string `json:"status"`
			Containers []struct {
				Name string `json:"name"`
			} `json:"containerDefinitions"`
		} `json:"taskDefinition"`
	}
	if err := c.config.Moto.JSON(ctx, region, target+"DescribeTaskDefinition", map[string]string{"taskDefinition": name}, &out); err != nil {
		return found, err
	}
	if out.Definition.Status == "INACTIVE" {
		return found, awsapi.Errorf("ClientException", "TaskDefinition is inactive")
	}
	found.arn = out.Definition.ARN
	for _, container := range out.Definition.Containers {
		found.containers = append(found.containers, container.Name)
	}
	return found, nil
}

type taskDefinition struct {
	arn        string
	containers []string
}

// readOverrides reads what shall be different in the containers of a task.
func readOverrides(raw json.RawMessage, containers []string) (map[string]agent.Override, error) {
	var in struct {
		Containers []struct {
			Name string `json:"name"`
			agent.Override
		} `json:"containerOverrides"`
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, awsapi.Errorf("InvalidParameterException", "reading the overrides: %v", err)
	}
	overrides := map[string]agent.Override{}
	for _, o := range in.Containers {
		if !slices.Contains(containers, o.Name) {
			return nil, awsapi.Errorf("InvalidParameterException", "Override for container named %s is not a container in the TaskDefinition.", o.Name)
		}
		overrides[o.Name] = o.Override
	}
	return overrides, nil
}

// forgetStopped drops tasks that stopped long ago; c.mu is held.
func (c *Controller) forgetStopped() {
	maps.DeleteFunc(c.standalone, func(_ string, s *standalone) bool {
		return s.task.State == scheduler.Stopped && c.config.Clock().Sub(s.task.StoppedAt) > keepStopped
	})
}

// observe takes in what happened to the task.
func (s *standalone) observe(now time.Time, o scheduler.Observation) {
	t := s.task
	if o.Containers != nil {
		t.Containers = o.Containers
	}
	switch o.Kind {
	case scheduler.Pulled:
		t.PulledAt = now
	case scheduler.Launched:
		if t.State == scheduler.Pending {
			t.State, t.StartedAt = scheduler.Running, now
		}
	case scheduler.Ready:
		t.Health = "HEALTHY"
	case scheduler.Unhealthy:
		t.Health = "UNHEALTHY"
	case scheduler.Ended:
		if t.State < scheduler.Stopping {
			t.StopCode, t.StoppedReason, t.StoppingAt = o.Code, o.Reason, now
		}
		t.State, t.StoppedAt = scheduler.Stopped, now
	case scheduler.Note: // the containers were all there is to it
	}
}

// stop asks the task to end; c.mu is held.
func (c *Controller) stop(s *standalone, reason string) {
	if s.task.State >= scheduler.Stopping {
		return
	}
	if reason == "" {
		reason = "Task stopped by user"
	}
	s.task.State, s.task.StoppingAt = scheduler.Stopping, c.config.Clock()
	s.task.StopCode, s.task.StoppedReason = "UserInitiated", reason
	if h := c.handles[s.task.ID]; h != nil {
		h.Stop()
	}
}

// located is a task and where it runs.
type located struct {
	place
	service *service // nil for a standalone task
	task    *scheduler.Task
}

func (p place) in(region, cluster string) bool {
	if cluster == "" {
		cluster = "default"
	}
	return p.region == region && lastPart(p.clusterARN) == lastPart(cluster)
}

// taskOf finds a task by id or ARN, in any cluster when region is empty; c.mu
// is held.
func (c *Controller) taskOf(region, cluster, id string) (located, bool) {
	id = lastPart(id)
	if s := c.standalone[id]; s != nil && (region == "" || s.in(region, cluster)) {
		return located{place: s.place, task: s.task}, true
	}
	for _, s := range c.services {
		if region != "" && !s.place().in(region, cluster) {
			continue
		}
		for _, t := range s.roll.Tasks {
			if t.ID == id {
				return located{place: s.place(), service: s, task: t}, true
			}
		}
	}
	return located{}, false
}

func (s *service) place() place {
	return place{region: s.region, clusterARN: s.clusterARN, group: "service:" + s.roll.Name}
}

// serviceName is empty for a task of no service.
func (p place) serviceName() string {
	name, of := strings.CutPrefix(p.group, "service:")
	if !of {
		return ""
	}
	return name
}
