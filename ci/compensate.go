package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/ecs"
)

// compensate makes a deploy one thing: if one half has ended without success, the
// other, which succeeded, goes back to what ran before. One that may still complete is
// left open.
func (x *execution) compensate(ctx context.Context, results []pipeline.Result) {
	// A canceled run has to be compensated as well.
	ctx = context.WithoutCancel(ctx)
	half := func(stage string, ended bool, restore func(context.Context) (string, error)) pipeline.Half {
		return pipeline.Half{Stage: stage, Ended: ended, Undo: func() (string, error) {
			did, err := restore(ctx)
			if err == nil {
				progress("%s: %s", stage, did)
			}
			return did, err
		}}
	}
	service, function := x.deployed.service, x.deployed.function
	ended := func(o rollout.Outcome, ended bool) bool { return o == "" || o == rollout.NotStarted || ended }
	pipeline.Compensate(results, [2]pipeline.Half{
		half(trigger.Lambda, ended(function.Outcome, function.Ended), x.restoreFunction),
		half(trigger.ECS, ended(service.Outcome, service.Ended), x.restoreService),
	})
}

func (x *execution) restoreFunction(ctx context.Context) (string, error) {
	before := x.deployed.function.Previous
	if before.Version == "" || !x.deployed.function.Moved() {
		return "left as it is: it was there before", nil
	}
	result, err := functions(x.cloud).Restore(ctx, before, 0)
	x.restored(trigger.Lambda, result.Version, err)
	return "taken back to version " + result.Version, err
}

func (x *execution) restoreService(ctx context.Context) (string, error) {
	before := x.deployed.service.Previous
	if !before.Settled || before.TaskDefinition == x.deployed.service.TaskDefinition {
		return "left as it is: nothing else ran before", nil
	}
	s, err := x.system(ctx)
	if err != nil {
		return "", err
	}
	if err := checkReversible(ctx, s, before.TaskDefinition); err != nil {
		return "", err
	}
	result, err := services(x.cloud).Restore(ctx, before, ecs.FollowOptions{})
	x.restored(trigger.ECS, rollout.ShortName(result.TaskDefinition), err)
	return "taken back to " + rollout.ShortName(result.TaskDefinition), err
}

// restored notes what a half runs after it was taken back.
func (x *execution) restored(stage, version string, err error) {
	if err == nil {
		x.deployed.restored = map[string]string{stage: version}
	}
}

// checkReversible fails when a migration that was applied bars the code that ran
// before.
func checkReversible(ctx context.Context, s system, before string) error {
	known, err := s.known(ctx)
	if err != nil {
		return err
	}
	return known.CheckReversibleTo(rollout.ShortName(before))
}

// saveDeployment saves what runs now, once a half was deployed. What cannot be
// saved makes that half's result say so: a rollback then does not know of it.
func (x *execution) saveDeployment(ctx context.Context, results []pipeline.Result) {
	ctx = context.WithoutCancel(ctx)
	for i := range results {
		r := &results[i]
		if r.Stage != trigger.Lambda && r.Stage != trigger.ECS || r.Outcome != pipeline.Passed {
			continue
		}
		if err := x.saveDeployedNow(ctx); err != nil {
			r.Outcome, r.Err = pipeline.Failed, fmt.Errorf("deployed, and not recorded for a rollback: %w", err)
		}
		return
	}
}

func (x *execution) saveDeployedNow(ctx context.Context) error {
	s, err := x.system(ctx)
	if err != nil {
		return err
	}
	entry, err := x.m.saveDeployed(ctx, x.cloud, s, &deployedNow{commit: x.commit})
	if err == nil && !x.named.given() {
		x.m.tagRunning(ctx, x.cloud, entry.Service.Digest)
	}
	return err
}
