package ecs

import (
	"maps"
	"strings"
	"testing"
	"time"

	"sensor-backend/emulator/ecs/scheduler"
)

func TestStrategyOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		configuration string
		want          scheduler.Strategy
	}{
		{`{}`, scheduler.Strategy{}},
		{`{"strategy":"ROLLING","bakeTimeInMinutes":5}`, scheduler.Strategy{}},
		{`{"strategy":"BLUE_GREEN","bakeTimeInMinutes":5}`, scheduler.Strategy{Kind: scheduler.BlueGreen, Percent: 100, Bake: 30 * time.Second}},
		{`{"strategy":"CANARY"}`, scheduler.Strategy{Kind: scheduler.Canary, Percent: 5, Wait: time.Minute}},
		{
			`{"strategy":"CANARY","bakeTimeInMinutes":1,"canaryConfiguration":{"canaryPercent":0.1,"canaryBakeTimeInMinutes":0}}`,
			scheduler.Strategy{Kind: scheduler.Canary, Percent: 0.1, Bake: 6 * time.Second},
		},
		{`{"strategy":"LINEAR"}`, scheduler.Strategy{Kind: scheduler.Linear, Percent: 10, Wait: 36 * time.Second}},
		{
			`{"strategy":"LINEAR","linearConfiguration":{"stepPercent":30.5,"stepBakeTimeInMinutes":2}}`,
			scheduler.Strategy{Kind: scheduler.Linear, Percent: 30.5, Wait: 12 * time.Second},
		},
	} {
		config, _, err := settings{}.merge(members(t, `{"deploymentConfiguration":`+c.configuration+`}`))
		if err != nil {
			t.Fatal(err)
		}
		// An emulator that is ten times faster than stated.
		if got := config.Deployment.rollout(6 * time.Second); got != c.want {
			t.Errorf("%s means %+v, want %+v", c.configuration, got, c.want)
		}
	}
}

func TestStrategyRefused(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{"deploymentConfiguration":{"strategy":"BLUE"}}`:                                                      `strategy "BLUE" is none of`,
		`{"deploymentConfiguration":{"strategy":"BLUE_GREEN"}}`:                                                "needs deploymentConfiguration.bakeTimeInMinutes",
		`{"deploymentConfiguration":{"strategy":"CANARY","bakeTimeInMinutes":1441}}`:                           "from 0 to 1440",
		`{"deploymentConfiguration":{"strategy":"CANARY","canaryConfiguration":{"canaryPercent":0}}}`:          "from 0.1 to 100, not 0",
		`{"deploymentConfiguration":{"strategy":"LINEAR","linearConfiguration":{"stepPercent":2}}}`:            "from 3 to 100, not 2",
		`{"deploymentConfiguration":{"strategy":"LINEAR","linearConfiguration":{"stepBakeTimeInMinutes":-1}}}`: "from 0 to 1440",
		`{"deploymentConfiguration":{"strategy":"CANARY","lifecycleHooks":[{"hookTargetArn":"x"}]}}`:           "leave deploymentConfiguration.lifecycleHooks out",
		`{"deploymentConfiguration":{"strategy":"CANARY"},"loadBalancers":[{"targetGroupArn":"a"}]}`:           "alternateTargetGroupArn",
		`{"deploymentConfiguration":{"strategy":"CANARY","canaryConfiguration":{"canaryPercent":"much"}}}`:     "InvalidParameterException",
	} {
		if _, _, err := (settings{}).merge(members(t, request)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", request, err, want)
		}
	}
}

// shifting is a service that moves a fifth of its traffic for two minutes, then
// the rest, and bakes for another.
const shifting = `{"cluster":"main","serviceName":"web","taskDefinition":"api:1","desiredCount":1,"launchType":"FARGATE",
	"deploymentConfiguration":{"strategy":"CANARY","bakeTimeInMinutes":1,"deploymentCircuitBreaker":{"enable":true,"rollback":true},
		"canaryConfiguration":{"canaryPercent":20,"canaryBakeTimeInMinutes":2}},
	"loadBalancers":[{"targetGroupArn":"blue","containerName":"api","containerPort":8080,"advancedConfiguration":{"alternateTargetGroupArn":"green"}}]}`

// createdShifting creates the service and brings its first revision up.
func createdShifting(b *bench) {
	b.t.Helper()
	call[any](b, "CreateService", shifting)
	for range 12 {
		for _, f := range b.step() {
			if got := f.spec.LoadBalancers; len(got) != 1 || got[0].TargetGroup != "blue" || got[0].Port != 8080 {
				b.t.Errorf("the first tasks are behind %+v", got)
			}
			f.well()
		}
	}
	if d := b.deployment(); d.Status != "SUCCESSFUL" || d.Stage != "CLEAN_UP" || *d.Target.Weight != 100 {
		b.t.Fatalf("the first deployment is %+v", d)
	}
}

func TestCanaryDeployment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	createdShifting(b)
	call[any](b, "UpdateService", `{"cluster":"main","service":"web","taskDefinition":"api:2"}`)
	seen := map[string]float64{}
	for range 20 {
		for _, f := range b.step() {
			if f.spec.LoadBalancers[0].TargetGroup != "green" {
				t.Errorf("a new task is behind %+v", f.spec.LoadBalancers)
			}
			d := b.deployment()
			seen[d.Stage] = max(seen[d.Stage], *d.Target.Weight)
			f.well()
		}
		b.end()
		d, s := b.deployment(), b.service()
		seen[d.Stage] = max(seen[d.Stage], *d.Target.Weight)
		if d.Status != "IN_PROGRESS" {
			break
		}
		if sum := *d.Target.Weight + *d.Sources[0].Weight; sum != 100 {
			t.Errorf("in %s the revisions have %.0f %% of the traffic", d.Stage, sum)
		}
		if d.Stage == "PRODUCTION_TRAFFIC_SHIFT" && *d.Target.Weight == 20 {
			if !maps.Equal(b.shares, map[string]float64{"blue": 80, "green": 20}) || s.Running != 2 || s.Deployments[1].Desired != 1 || d.Sources[0].Requested != 1 {
				t.Errorf("in the canary the traffic is split %v, the service is %+v", b.shares, s)
			}
		}
	}
	d := b.deployment()
	if d.Status != "SUCCESSFUL" || d.Target.Running != 1 || d.Sources[0].Running != 0 || !maps.Equal(b.shares, map[string]float64{"blue": 0, "green": 100}) {
		t.Errorf("at the end the deployment is %+v, the traffic is split %v", d, b.shares)
	}
	if len(seen) != 9 || seen["SCALE_UP"] != 0 || seen["BAKE_TIME"] != 100 {
		t.Errorf("the stages had these shares: %v", seen)
	}
	if s := b.service(); s.TaskDefinition != definition+"api:2" || s.Running != 1 || s.Deployments[0].State != "COMPLETED" {
		t.Errorf("at the end the service is %+v", s)
	}
}

func TestCanaryStopped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	createdShifting(b)
	call[any](b, "UpdateService", `{"cluster":"main","service":"web","taskDefinition":"api:2"}`)
	for b.deployment().Stage != "PRODUCTION_TRAFFIC_SHIFT" {
		for _, f := range b.step() {
			f.well()
		}
	}
	b.step()
	if !maps.Equal(b.shares, map[string]float64{"blue": 80, "green": 20}) {
		t.Fatalf("the traffic is split %v", b.shares)
	}
	call[any](b, "StopServiceDeployment", `{"serviceDeploymentArn":"`+b.deployment().ARN+`","stopType":"ROLLBACK"}`)
	b.step()
	b.end()
	b.step()
	if d := b.deployment(); d.Status != "ROLLBACK_SUCCESSFUL" || *d.Target.Weight != 0 || !maps.Equal(b.shares, map[string]float64{"blue": 100, "green": 0}) {
		t.Errorf("stopped, it is %+v, the traffic is split %v", d, b.shares)
	}
	if s := b.service(); s.TaskDefinition != definition+"api:1" || s.Running != 1 {
		t.Errorf("stopped, the service is %+v", s)
	}
}
