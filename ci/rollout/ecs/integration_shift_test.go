//go:build integration

package ecs

import (
	"testing"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The strategies that move traffic. The emulated AWS lets a minute pass in six
// seconds.

func blueGreen() *types.DeploymentConfiguration {
	c := rolling()
	c.Strategy, c.BakeTimeInMinutes = types.DeploymentStrategyBlueGreen, aws.Int32(1)
	return c
}

func canary(minutes int32) *types.DeploymentConfiguration {
	c := rolling()
	c.Strategy, c.BakeTimeInMinutes = types.DeploymentStrategyCanary, aws.Int32(0)
	c.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: aws.Float64(20), CanaryBakeTimeInMinutes: aws.Int32(minutes)}
	return c
}

func linear() *types.DeploymentConfiguration {
	c := rolling()
	c.Strategy, c.BakeTimeInMinutes = types.DeploymentStrategyLinear, aws.Int32(0)
	c.LinearConfiguration = &types.LinearConfiguration{StepPercent: aws.Float64(40), StepBakeTimeInMinutes: aws.Int32(1)}
	return c
}

// TestEmulatedShifts follows deployments that move the traffic, through their
// stages to their end.
func TestEmulatedShifts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		strategy *types.DeploymentConfiguration
		stages   []string
	}{
		{"blue/green", blueGreen(), []string{"stage SCALE_UP, 0 % of the traffic", "stage BAKE_TIME, 100 % of the traffic"}},
		{"canary", canary(1), []string{"stage SCALE_UP, 0 % of the traffic", "stage PRODUCTION_TRAFFIC_SHIFT, 20 % of the traffic", "runs after"}},
		{"linear", linear(), []string{
			"stage SCALE_UP, 0 % of the traffic", "stage PRODUCTION_TRAFFIC_SHIFT, 40 % of the traffic", "stage PRODUCTION_TRAFFIC_SHIFT, 80 % of the traffic", "runs after",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEmulated(t, c.strategy)
			stop := e.traffic(t)
			// It starts slowly enough for every stage to be seen.
			e.deploy(t, "slow-2", rollout.Completed, FollowOptions{})
			answered := stop()
			e.Shows(t, c.stages...)
			if answered["good-1"] == 0 || answered["slow-2"] == 0 || answered[""] > 0 {
				t.Errorf("of the requests meanwhile each answered %v", answered)
			}
			t.Logf("each answered %v", answered)
			e.onlyAnswers(t, "slow-2")
		})
	}
}

// TestEmulatedShiftsTakenBack follows deployments that end before, or in the middle
// of, the move of the traffic.
func TestEmulatedShiftsTakenBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, variant string
		strategy      *types.DeploymentConfiguration
		shows         []string
		// served says that the new version had traffic before it was taken back.
		served bool
	}{
		{"blue/green that crashes", "crash", blueGreen(), []string{"container api exit code 2", "panic: no database on purpose"}, false},
		{"canary that never gets healthy", "deaf", canary(1), []string{"stage SCALE_UP, 0 % of the traffic", "health checks"}, false},
		{"canary that crashes under traffic", "brittle", canary(10), []string{
			"stage PRODUCTION_TRAFFIC_SHIFT, 20 % of the traffic", "panic: no request on purpose", "not waiting any longer",
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEmulated(t, c.strategy)
			stop := e.traffic(t)
			e.deploy(t, c.variant, rollout.RolledBack, FollowOptions{})
			answered := stop()
			e.Shows(t, c.shows...)
			if !c.served && (len(answered) != 1 || answered["good-1"] == 0) || c.served && answered[""] == 0 {
				t.Errorf("of the requests meanwhile each answered %v", answered)
			}
			t.Logf("each answered %v", answered)
			e.onlyAnswers(t, "good-1")
		})
	}
}

// onlyAnswers checks that one variant has all of the traffic.
func (e *emulated) onlyAnswers(t *testing.T, variant string) {
	t.Helper()
	for range 20 {
		if got := e.ask(t.Context(), t); got != variant {
			t.Fatalf("%q answers, want %q", got, variant)
		}
	}
}
