package ecs

import (
	"context"
	"encoding/json"
	"slices"

	"sensor-backend/emulator/awsapi"
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
		"CreateService", "UpdateService", "DeleteService", "DescribeServices", "RunTask", "ListTasks", "DescribeTasks", "StopTask",
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
	if operation != "CreateService" && operation != "UpdateService" && operation != "RunTask" {
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
	case "RunTask":
		return c.runTask(ctx, region, raw)
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
