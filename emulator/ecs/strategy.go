package ecs

import (
	"encoding/json"
	"slices"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
)

// strategy has the members of a deployment configuration that say how the new
// revision takes over (API type DeploymentConfiguration).
type strategy struct {
	Strategy    string               `json:"strategy,omitempty"`
	BakeMinutes *float64             `json:"bakeTimeInMinutes,omitempty"`
	Canary      *canaryConfiguration `json:"canaryConfiguration,omitempty"`
	Linear      *linearConfiguration `json:"linearConfiguration,omitempty"`
	Hooks       []json.RawMessage    `json:"lifecycleHooks,omitempty"`
}

type canaryConfiguration struct {
	Percent *float64 `json:"canaryPercent,omitempty"`
	Minutes *float64 `json:"canaryBakeTimeInMinutes,omitempty"`
}

type linearConfiguration struct {
	Percent *float64 `json:"stepPercent,omitempty"`
	Minutes *float64 `json:"stepBakeTimeInMinutes,omitempty"`
}

// parts gives share and minutes of each step, with the defaults that the API
// reference states.
func (s strategy) parts() (percent, minutes float64) {
	switch s.Strategy {
	case scheduler.Canary:
		var c canaryConfiguration
		if s.Canary != nil {
			c = *s.Canary
		}
		return or(c.Percent, 5), or(c.Minutes, 10)
	case scheduler.Linear:
		var l linearConfiguration
		if s.Linear != nil {
			l = *s.Linear
		}
		return or(l.Percent, 10), or(l.Minutes, 6)
	}
	return 100, 0
}

func (s strategy) rollout(minute time.Duration) scheduler.Strategy {
	if s.Strategy == "" || s.Strategy == scheduler.Rolling {
		return scheduler.Strategy{}
	}
	percent, minutes := s.parts()
	return scheduler.Strategy{
		Kind: s.Strategy, Percent: percent, Wait: scaled(minutes, minute), Bake: scaled(or(s.BakeMinutes, 0), minute),
	}
}

func scaled(minutes float64, minute time.Duration) time.Duration {
	return time.Duration(minutes * float64(minute))
}

func or(given *float64, def float64) float64 {
	if given == nil {
		return def
	}
	return *given
}

// check refuses what ECS would refuse, and what cannot be played here.
func (s settings) check() error {
	d := s.Deployment
	kinds := []string{"", scheduler.Rolling, scheduler.BlueGreen, scheduler.Linear, scheduler.Canary}
	if !slices.Contains(kinds, d.Strategy) {
		return awsapi.Errorf("InvalidParameterException", "deploymentConfiguration.strategy %q is none of %v", d.Strategy, kinds[1:])
	}
	if d.Strategy == "" || d.Strategy == scheduler.Rolling {
		return nil
	}
	least := 0.1
	if d.Strategy == scheduler.Linear {
		least = 3
	}
	percent, minutes := d.parts()
	bake := or(d.BakeMinutes, 0)
	switch {
	case d.Strategy == scheduler.BlueGreen && d.BakeMinutes == nil:
		return awsapi.Errorf("InvalidParameterException", "a %s deployment needs deploymentConfiguration.bakeTimeInMinutes", d.Strategy)
	case percent < least || percent > 100:
		return awsapi.Errorf("InvalidParameterException", "the percent of a %s deployment is from %v to 100, not %v", d.Strategy, least, percent)
	case minutes < 0 || minutes > 1440 || bake < 0 || bake > 1440:
		return awsapi.Errorf("InvalidParameterException", "bake times are from 0 to 1440 minutes")
	case len(d.Hooks) > 0:
		return awsapi.Errorf("InvalidParameterException", "the emulated AWS runs no lifecycle hooks; leave deploymentConfiguration.lifecycleHooks out here")
	}
	for _, lb := range s.LoadBalancers {
		if lb.TargetGroup != "" && lb.Advanced.Alternate == "" {
			return awsapi.Errorf("InvalidParameterException", "loadBalancers: a %s deployment needs advancedConfiguration.alternateTargetGroupArn", d.Strategy)
		}
	}
	return nil
}

// balancersOf are the load balancers of a task: those of its side.
func (s settings) balancersOf(t *scheduler.Task) []agent.LoadBalancer {
	side := make([]agent.LoadBalancer, 0, len(s.LoadBalancers))
	for _, lb := range s.LoadBalancers {
		if t.Alternate && lb.Advanced.Alternate != "" {
			lb.TargetGroup = lb.Advanced.Alternate
		}
		side = append(side, lb.LoadBalancer)
	}
	return side
}
