package ecs

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/rollout"
)

// request has the members of the operations that only ask or stop.
type request struct {
	Cluster        string   `json:"cluster"`
	Service        string   `json:"service"`
	Services       []string `json:"services"`
	ServiceName    string   `json:"serviceName"`
	Family         string   `json:"family"`
	StartedBy      string   `json:"startedBy"`
	DesiredStatus  string   `json:"desiredStatus"`
	Tasks          []string `json:"tasks"`
	Task           string   `json:"task"`
	Reason         string   `json:"reason"`
	Force          bool     `json:"force"`
	Status         []string `json:"status"`
	DeploymentARNs []string `json:"serviceDeploymentArns"`
	DeploymentARN  string   `json:"serviceDeploymentArn"`
	StopType       string   `json:"stopType"`
	RevisionARNs   []string `json:"serviceRevisionArns"`
}

// Handles says whether Call answers the operation; the others are moto's.
func Handles(operation string) bool {
	return slices.Contains([]string{
		"CreateService", "UpdateService", "DeleteService", "DescribeServices", "ListTasks", "DescribeTasks", "StopTask",
		"ListServiceDeployments", "DescribeServiceDeployments", "StopServiceDeployment", "DescribeServiceRevisions",
	}, operation)
}

// Call answers one operation of the ECS API.
func (c *Controller) Call(ctx context.Context, region, operation string, body []byte) (any, error) {
	var in request
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, awsapi.Errorf("SerializationException", "the body of %s is not a JSON object: %v", operation, err)
	}
	if operation != "CreateService" && operation != "UpdateService" {
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, awsapi.Errorf("SerializationException", "the body of %s: %v", operation, err)
		}
	}
	switch operation {
	case "CreateService":
		return c.createService(ctx, region, raw)
	case "UpdateService":
		return c.updateService(ctx, region, raw)
	case "DeleteService":
		return c.deleteService(ctx, region, in, raw)
	case "DescribeServices":
		return c.describeServices(ctx, region, raw)
	case "ListTasks":
		return c.listTasks(ctx, region, in, raw)
	case "DescribeTasks":
		return c.describeTasks(ctx, region, in, raw)
	case "StopTask":
		return c.stopTask(ctx, region, in, raw)
	case "ListServiceDeployments":
		return c.listServiceDeployments(region, in)
	case "DescribeServiceDeployments":
		return c.describeServiceDeployments(in), nil
	case "StopServiceDeployment":
		return c.stopServiceDeployment(in)
	case "DescribeServiceRevisions":
		return c.describeRevisions(in), nil
	}
	return nil, awsapi.Errorf("InvalidAction", "%s is not an operation of the emulated ECS", operation)
}

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
	if err := c.moto.JSON(ctx, region, target+"CreateService", raw, &answer); err != nil {
		return nil, err
	}
	if kind := named.Controller.Type; kind != "" && kind != "ECS" {
		return answer, nil
	}
	record := answer.Service
	s := &service{
		region: region, arn: text(record["serviceArn"]), clusterARN: text(record["clusterArn"]), settings: config,
		createdAt: c.clock(), roll: rollout.NewService(named.Name, newID),
	}
	config.apply(s.roll)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.roll.Scale(c.clock(), named.Desired)
	s.roll.Deploy(c.clock(), c.revision(s, text(record["taskDefinition"])), rollout.ByCreate)
	c.services[s.arn] = s
	return answerFor(s, record)
}

func (c *Controller) revision(s *service, definition string) rollout.Revision {
	return rollout.Revision{ID: newID("revision"), TaskDefinition: definition, CreatedAt: c.clock(), Config: s.settings}
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
		err := c.moto.JSON(ctx, region, target+"UpdateService", raw, &answer)
		return answer, err
	}
	definition := ""
	if named.Definition != "" {
		var out struct {
			Definition struct {
				ARN    string `json:"taskDefinitionArn"`
				Status string `json:"status"`
			} `json:"taskDefinition"`
		}
		if err := c.moto.JSON(ctx, region, target+"DescribeTaskDefinition", map[string]string{"taskDefinition": named.Definition}, &out); err != nil {
			return nil, err
		}
		if out.Definition.Status == "INACTIVE" {
			return nil, awsapi.Errorf("ClientException", "TaskDefinition is inactive")
		}
		definition = out.Definition.ARN
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
	now := c.clock()
	s.settings = config
	config.apply(s.roll)
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
		s.roll.Deploy(now, c.revision(s, definition), rollout.ByUpdate)
	}
	return answerFor(s, record)
}

// record asks moto for its record of a service.
func (c *Controller) record(ctx context.Context, region string, s *service) (map[string]any, error) {
	var out struct {
		Services []map[string]any `json:"services"`
	}
	in := map[string]any{"cluster": s.clusterARN, "services": []string{s.arn}, "include": []string{"TAGS"}}
	if err := c.moto.JSON(ctx, region, target+"DescribeServices", in, &out); err != nil {
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
	if err := c.moto.JSON(ctx, region, target+"DeleteService", raw, &answer); err != nil {
		return nil, err
	}
	if s == nil {
		return answer, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.roll.Delete(c.clock())
	c.step(s)
	return answerFor(s, answer.Service)
}

func (c *Controller) describeServices(ctx context.Context, region string, raw map[string]json.RawMessage) (any, error) {
	var out map[string]any
	if err := c.moto.JSON(ctx, region, target+"DescribeServices", raw, &out); err != nil {
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

func (c *Controller) listTasks(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	var out struct {
		ARNs []string `json:"taskArns"`
	}
	// The cluster is checked, and tasks of RunTask found, by moto.
	if err := c.moto.JSON(ctx, region, target+"ListTasks", raw, &out); err != nil {
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
		if !s.in(region, in.Cluster) || in.ServiceName != "" && s.roll.Name != lastPart(in.ServiceName) {
			continue
		}
		found = true
		for _, t := range s.roll.Tasks {
			family, _ := splitDefinition(t.Revision.TaskDefinition)
			if desiredStatus(t) == in.DesiredStatus && (in.StartedBy == "" || t.StartedBy == in.StartedBy) && (in.Family == "" || family == in.Family) {
				arns = append(arns, taskARN(s, t.ID))
			}
		}
	}
	if in.ServiceName != "" && !found {
		return nil, awsapi.Errorf("ServiceNotFoundException", "Service not found.")
	}
	return map[string]any{"taskArns": arns}, nil
}

func (s *service) in(region, cluster string) bool {
	if cluster == "" {
		cluster = "default"
	}
	return s.region == region && lastPart(s.clusterARN) == lastPart(cluster)
}

// taskOf finds a task by id or ARN; c.mu is held.
func (c *Controller) taskOf(region, cluster, id string) (*service, *rollout.Task) {
	for _, s := range c.services {
		if !s.in(region, cluster) {
			continue
		}
		for _, t := range s.roll.Tasks {
			if t.ID == lastPart(id) {
				return s, t
			}
		}
	}
	return nil, nil
}

func (c *Controller) describeTasks(ctx context.Context, region string, in request, raw map[string]json.RawMessage) (any, error) {
	tasks, others := []any{}, []string{}
	c.mu.Lock()
	for _, id := range in.Tasks {
		if s, t := c.taskOf(region, in.Cluster, id); t != nil {
			tasks = append(tasks, s.describeTask(t))
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
	if err := c.moto.JSON(ctx, region, target+"DescribeTasks", raw, &out); err != nil {
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
	s, t := c.taskOf(region, in.Cluster, in.Task)
	if t != nil {
		defer c.mu.Unlock()
		c.do(s, s.roll.StopTask(c.clock(), t.ID, in.Reason))
		return map[string]any{"task": s.describeTask(t)}, nil
	}
	c.mu.Unlock()
	var out map[string]any
	err := c.moto.JSON(ctx, region, target+"StopTask", raw, &out)
	return out, err
}

func (c *Controller) listServiceDeployments(region string, in request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(region, in.Cluster, in.Service)
	if s == nil {
		return nil, awsapi.Errorf("ServiceNotFoundException", "Service not found.")
	}
	list := []any{}
	for _, sd := range s.roll.ServiceDeployments {
		if len(in.Status) == 0 || slices.Contains(in.Status, string(sd.Status)) {
			list = append(list, s.briefServiceDeployment(sd))
		}
	}
	return map[string]any{"serviceDeployments": list}, nil
}

// serviceDeployment finds a service deployment by ARN; c.mu is held.
func (c *Controller) serviceDeployment(arn string) (*service, *rollout.ServiceDeployment) {
	id := idOf(arn, "service-deployment")
	for _, s := range c.services {
		for _, sd := range s.roll.ServiceDeployments {
			if sd.ID == id {
				return s, sd
			}
		}
	}
	return nil, nil
}

func (c *Controller) describeServiceDeployments(in request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, failures := []any{}, []any{}
	for _, arn := range in.DeploymentARNs {
		if s, sd := c.serviceDeployment(arn); sd != nil {
			found = append(found, s.describeServiceDeployment(sd))
		} else {
			failures = append(failures, map[string]string{"arn": arn, "reason": "MISSING"})
		}
	}
	return map[string]any{"serviceDeployments": found, "failures": failures}
}

func (c *Controller) stopServiceDeployment(in request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, sd := c.serviceDeployment(in.DeploymentARN)
	if sd == nil {
		return nil, awsapi.Errorf("ServiceDeploymentNotFoundException", "The service deployment %s does not exist.", in.DeploymentARN)
	}
	if !s.roll.StopDeployment(c.clock(), sd.ID, in.StopType != "ABORT") {
		return nil, awsapi.Errorf("ConflictException", "The service deployment is %s and cannot be stopped.", sd.Status)
	}
	return map[string]string{"serviceDeploymentArn": in.DeploymentARN}, nil
}

func (c *Controller) describeRevisions(in request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, failures := []any{}, []any{}
	for _, arn := range in.RevisionARNs {
		if out := c.findRevision(arn); out != nil {
			found = append(found, out)
		} else {
			failures = append(failures, map[string]string{"arn": arn, "reason": "MISSING"})
		}
	}
	return map[string]any{"serviceRevisions": found, "failures": failures}
}

func (c *Controller) findRevision(arn string) any {
	id := idOf(arn, "service-revision")
	for _, s := range c.services {
		for _, r := range s.revisions() {
			if r.ID == id && strings.Contains(arn, "/"+s.roll.Name+"/") {
				return s.describeRevision(r)
			}
		}
	}
	return nil
}

func decode(raw map[string]json.RawMessage, into any) error {
	body, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return awsapi.Errorf("InvalidParameterException", "reading the request: %v", err)
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
