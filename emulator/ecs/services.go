package ecs

import (
	"context"
	"encoding/json"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

// serviceAnswer is moto's answer about one service.
type serviceAnswer struct {
	Service map[string]any `json:"service"`
}

func (c *Controller) createService(ctx context.Context, region string, raw map[string]json.RawMessage) (any, error) {
	var named struct {
		Cluster    string `json:"cluster"`
		Name       string `json:"serviceName"`
		Desired    int    `json:"desiredCount"`
		Controller struct {
			Type string `json:"type"`
		} `json:"deploymentController"`
	}
	if err := decode(raw, &named); err != nil {
		return nil, err
	}
	config, _, err := settings{}.merge(raw)
	if err != nil {
		return nil, err
	}
	if named.Desired < 0 {
		return nil, awsapi.Errorf("InvalidParameterException", "desiredCount must not be negative.")
	}
	c.mu.Lock()
	old := c.find(region, named.Cluster, named.Name)
	taken := old != nil && !old.roll.Deleted
	draining := old != nil && old.roll.Deleted && len(old.liveTasks()) > 0
	c.mu.Unlock()
	switch {
	case taken:
		return nil, awsapi.Errorf("InvalidParameterException", "Creation of service was not idempotent.")
	case draining:
		return nil, awsapi.Errorf("InvalidParameterException", "Unable to Start a service that is still Draining.")
	}
	var answer serviceAnswer
	if err := c.config.Moto.JSON(ctx, region, target+"CreateService", raw, &answer); err != nil {
		return nil, err
	}
	if kind := named.Controller.Type; kind != "" && kind != "ECS" {
		return answer, nil
	}
	record := answer.Service
	s := &service{
		region: region, arn: text(record["serviceArn"]), clusterARN: text(record["clusterArn"]), settings: config,
		createdAt: c.config.Clock(), roll: scheduler.NewService(named.Name, newID),
	}
	config.apply(s.roll, c.config.Minute)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.roll.Scale(c.config.Clock(), named.Desired)
	s.roll.Deploy(c.config.Clock(), c.revision(s, text(record["taskDefinition"])), scheduler.ByCreate)
	c.services[s.arn] = s
	return answerFor(s, record)
}

func (c *Controller) revision(s *service, definition string) scheduler.Revision {
	return scheduler.Revision{ID: newID("revision"), TaskDefinition: definition, CreatedAt: c.config.Clock(), Config: s.settings}
}

func (c *Controller) updateService(ctx context.Context, region string, raw map[string]json.RawMessage) (any, error) {
	var named struct {
		Cluster    string `json:"cluster"`
		Service    string `json:"service"`
		Definition string `json:"taskDefinition"`
		Desired    *int   `json:"desiredCount"`
		Force      bool   `json:"forceNewDeployment"`
	}
	if err := decode(raw, &named); err != nil {
		return nil, err
	}
	if named.Desired != nil && *named.Desired < 0 {
		return nil, awsapi.Errorf("InvalidParameterException", "desiredCount must not be negative.")
	}
	c.mu.Lock()
	s := c.find(region, named.Cluster, named.Service)
	c.mu.Unlock()
	if s == nil {
		var answer serviceAnswer
		if err := c.config.Moto.JSON(ctx, region, target+"UpdateService", raw, &answer); err != nil {
			return nil, err
		}
		return answer, nil
	}
	definition := ""
	if named.Definition != "" {
		active, err := c.activeDefinition(ctx, region, named.Definition)
		if err != nil {
			return nil, err
		}
		definition = active.arn
	}
	record, err := c.record(ctx, region, s)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.roll.Deleted {
		return nil, awsapi.Errorf("ServiceNotActiveException", "Service was not ACTIVE.")
	}
	config, deploy, err := s.settings.merge(raw)
	if err != nil {
		return nil, err
	}
	now := c.config.Clock()
	s.settings = config
	config.apply(s.roll, c.config.Minute)
	if named.Desired != nil {
		s.roll.Scale(now, *named.Desired)
	}
	current := ""
	if p := s.roll.Primary(); p != nil {
		current = p.Revision.TaskDefinition
	}
	if definition == "" {
		definition = current
	}
	if deploy || named.Force || definition != current {
		s.roll.Deploy(now, c.revision(s, definition), scheduler.ByUpdate)
	}
	return answerFor(s, record)
}

// record asks moto for its record of a service.
func (c *Controller) record(ctx context.Context, region string, s *service) (map[string]any, error) {
	var out struct {
		Services []map[string]any `json:"services"`
	}
	in := map[string]any{"cluster": s.clusterARN, "services": []string{s.arn}, "include": []string{"TAGS"}}
	if err := c.config.Moto.JSON(ctx, region, target+"DescribeServices", in, &out); err != nil {
		return nil, err
	}
	if len(out.Services) == 0 {
		return nil, awsapi.Errorf("ServiceNotFoundException", "Service not found.")
	}
	return out.Services[0], nil
}

func answerFor(s *service, record map[string]any) (any, error) {
	described, err := s.describe(record)
	if err != nil {
		return nil, err
	}
	return serviceAnswer{described}, nil
}

func (c *Controller) deleteService(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	c.mu.Lock()
	s := c.find(region, in.Cluster, in.Service)
	if s != nil && s.roll.Desired > 0 && !in.Force {
		c.mu.Unlock()
		return nil, awsapi.Errorf("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
	}
	c.mu.Unlock()
	raw["force"] = json.RawMessage("true")
	var answer serviceAnswer
	if err := c.config.Moto.JSON(ctx, region, target+"DeleteService", raw, &answer); err != nil {
		return nil, err
	}
	if s == nil {
		return answer, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.roll.Delete(c.config.Clock())
	c.step(s)
	return answerFor(s, answer.Service)
}

func (c *Controller) describeServices(ctx context.Context, region string, raw map[string]json.RawMessage) (any, error) {
	var out map[string]any
	if err := c.config.Moto.JSON(ctx, region, target+"DescribeServices", raw, &out); err != nil {
		return nil, err
	}
	records, _ := out["services"].([]any)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range records {
		record, ok := r.(map[string]any)
		if !ok {
			continue
		}
		s := c.services[text(record["serviceArn"])]
		if s == nil {
			continue
		}
		described, err := s.describe(record)
		if err != nil {
			return nil, err
		}
		records[i] = described
	}
	return out, nil
}
