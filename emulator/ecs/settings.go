package ecs

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
)

// settings are what a service was created and updated with. Raw keeps every
// member as it was given: the API gives it back so.
type settings struct {
	Raw map[string]json.RawMessage

	LoadBalancers []loadBalancer
	GraceSeconds  *int
	Deployment    deploymentConfiguration
}

// loadBalancer is a load balancer of the service; where traffic is shifted,
// between two target groups.
type loadBalancer struct {
	agent.LoadBalancer
	Advanced struct {
		Alternate string `json:"alternateTargetGroupArn"`
	} `json:"advancedConfiguration"`
}

type deploymentConfiguration struct {
	strategy
	MinimumHealthyPercent *int            `json:"minimumHealthyPercent,omitempty"`
	MaximumPercent        *int            `json:"maximumPercent,omitempty"`
	Breaker               *circuitBreaker `json:"deploymentCircuitBreaker,omitempty"`
}

type circuitBreaker struct {
	Enable             bool  `json:"enable"`
	Rollback           bool  `json:"rollback"`
	ResetOnHealthyTask *bool `json:"resetOnHealthyTask,omitempty"`
	Threshold          *struct {
		Type  string `json:"type"`
		Value int    `json:"value"`
	} `json:"thresholdConfiguration,omitempty"`
}

// kept are the members of CreateService and UpdateService that DescribeServices
// gives back.
var kept = [...]string{
	"availabilityZoneRebalancing", "capacityProviderStrategy", "deploymentConfiguration", "deploymentController",
	"enableECSManagedTags", "enableExecuteCommand", "healthCheckGracePeriodSeconds", "launchType", "loadBalancers",
	"networkConfiguration", "placementConstraints", "placementStrategy", "platformVersion", "propagateTags",
	"schedulingStrategy", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations",
}

// deploying are the members whose change by UpdateService makes a deployment,
// as its API reference says of each.
var deploying = [...]string{
	"loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations",
}

// merge takes the members of a request over s. It says whether what changed
// makes a deployment.
func (s settings) merge(request map[string]json.RawMessage) (merged settings, deploy bool, err error) {
	merged = settings{Raw: maps.Clone(s.Raw)}
	if merged.Raw == nil {
		merged.Raw = map[string]json.RawMessage{}
	}
	for _, name := range kept {
		value, given := request[name]
		if !given || string(value) == "null" {
			continue
		}
		if name == "deploymentConfiguration" {
			if value, err = mergeObjects(merged.Raw[name], value); err != nil {
				return settings{}, false, awsapi.Errorf("InvalidParameterException", "deploymentConfiguration: %v", err)
			}
		}
		if slices.Contains(deploying[:], name) && !sameJSON(merged.Raw[name], value) {
			deploy = true
		}
		merged.Raw[name] = value
	}
	for name, into := range map[string]any{
		"loadBalancers": &merged.LoadBalancers, "healthCheckGracePeriodSeconds": &merged.GraceSeconds,
		"deploymentConfiguration": &merged.Deployment,
	} {
		if raw, ok := merged.Raw[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return settings{}, false, awsapi.Errorf("InvalidParameterException", "%s: %v", name, err)
			}
		}
	}
	if err := merged.check(); err != nil {
		return settings{}, false, err
	}
	return merged, deploy, nil
}

// apply sets the bounds, breaker and strategy of a service; minute is how long
// a minute of a bake time takes.
func (s settings) apply(roll *scheduler.Service, minute time.Duration) {
	roll.Strategy = s.Deployment.rollout(minute)
	roll.MinHealthy, roll.Maximum = 100, 200
	if v := s.Deployment.MinimumHealthyPercent; v != nil {
		roll.MinHealthy = *v
	}
	if v := s.Deployment.MaximumPercent; v != nil {
		roll.Maximum = *v
	}
	roll.Breaker = scheduler.Breaker{}
	if b := s.Deployment.Breaker; b != nil {
		roll.Breaker = scheduler.Breaker{Enable: b.Enable, Rollback: b.Rollback, KeepCount: b.ResetOnHealthyTask != nil && !*b.ResetOnHealthyTask}
		if b.Threshold != nil {
			roll.Breaker.ThresholdType, roll.Breaker.ThresholdValue = b.Threshold.Type, b.Threshold.Value
		}
	}
}

func (s settings) grace() int {
	if s.GraceSeconds == nil {
		return 0
	}
	return *s.GraceSeconds
}

func (s settings) isFargate() bool {
	return string(s.Raw["launchType"]) == `"FARGATE"` || s.usesProviders()
}

func (s settings) usesProviders() bool {
	raw := s.Raw["capacityProviderStrategy"]
	return len(raw) > 0 && string(raw) != "[]"
}

// overlay writes the settings over moto's record of a service, with the
// defaults that AWS fills in.
func (s settings) overlay(record map[string]any) error {
	for name, raw := range s.Raw {
		if name == "serviceConnectConfiguration" || name == "volumeConfigurations" {
			continue // told of the deployment, not of the service
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		record[name] = value
	}
	if s.usesProviders() {
		delete(record, "launchType")
	}
	configuration, _ := record["deploymentConfiguration"].(map[string]any)
	configuration = maps.Clone(configuration)
	if configuration == nil {
		configuration = map[string]any{}
	}
	for name, value := range map[string]any{
		"minimumHealthyPercent": 100, "maximumPercent": 200, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
		"deploymentCircuitBreaker": map[string]any{"enable": false, "rollback": false},
	} {
		if configuration[name] == nil {
			configuration[name] = value
		}
	}
	record["deploymentConfiguration"] = configuration
	for name, value := range map[string]any{
		"availabilityZoneRebalancing": "DISABLED", "enableECSManagedTags": false, "enableExecuteCommand": false,
		"propagateTags": "NONE", "schedulingStrategy": "REPLICA",
		"deploymentController": map[string]any{"type": "ECS"}, "placementConstraints": []any{}, "placementStrategy": []any{},
	} {
		if record[name] == nil {
			record[name] = value
		}
	}
	if s.isFargate() {
		if record["platformVersion"] == nil {
			record["platformVersion"] = "LATEST"
		}
		record["platformFamily"] = "Linux"
	}
	if len(s.LoadBalancers) > 0 && record["healthCheckGracePeriodSeconds"] == nil {
		record["healthCheckGracePeriodSeconds"] = 0
	}
	return nil
}

func mergeObjects(old, update json.RawMessage) (json.RawMessage, error) {
	merged := map[string]json.RawMessage{}
	if len(old) > 0 {
		if err := json.Unmarshal(old, &merged); err != nil {
			return nil, err
		}
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(update, &given); err != nil {
		return nil, err
	}
	for name, value := range given {
		if string(value) != "null" {
			merged[name] = value
		}
	}
	return json.Marshal(merged)
}

// sameJSON compares two JSON texts by what they mean; an absent one is the same
// as an empty list or the latest platform.
func sameJSON(a, b json.RawMessage) bool {
	normal := func(raw json.RawMessage) string {
		if len(raw) == 0 {
			return ""
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return string(raw)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return string(raw)
		}
		switch string(text) {
		case "[]", "null", `"LATEST"`:
			return ""
		}
		return string(text)
	}
	return normal(a) == normal(b)
}
