package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
)

// settle makes a deploy one thing: if one half failed, the other, which
// succeeded, goes back to what ran before.
func (d *delivery) settle(ctx context.Context, results []pipeline.Result) {
	// A canceled run has to be settled as well.
	ctx = context.WithoutCancel(ctx)
	half := func(stage string, restore func(context.Context) (string, error)) pipeline.Half {
		return pipeline.Half{Stage: stage, Back: func() (string, error) {
			did, err := restore(ctx)
			if err == nil {
				say("%s: %s", stage, did)
			}
			return did, err
		}}
	}
	pipeline.Settle(results, [2]pipeline.Half{half(stageLambda, d.restoreFunction), half(stageECS, d.restoreService)})
}

func (d *delivery) restoreFunction(ctx context.Context) (string, error) {
	before := d.function.Previous
	if before.Version == "" || before.Version == d.function.Version {
		return "left as it is: it was there before", nil
	}
	result, err := functions(d.cloud).Restore(ctx, before, 0)
	return "taken back to version " + result.Version, err
}

func (d *delivery) restoreService(ctx context.Context) (string, error) {
	before := d.service.Previous
	if !before.Settled || before.TaskDefinition == d.service.TaskDefinition {
		return "left as it is: nothing else ran before", nil
	}
	if err := d.wayBack(ctx); err != nil {
		return "", err
	}
	result, err := services(d.cloud).Restore(ctx, before, rollout.FollowOptions{})
	return "taken back to " + rollout.ShortName(result.TaskDefinition), err
}

// wayBack fails when a database migration of the new code bars the old code.
func (d *delivery) wayBack(ctx context.Context) error {
	h, err := d.m.store(d.cloud).Load(ctx)
	if err != nil {
		return err
	}
	now := history.Entry{Service: history.Half{Version: rollout.ShortName(d.service.TaskDefinition)}}
	if now.Schema, now.NoWayBack, err = d.m.migrations(ctx); err != nil {
		return err
	}
	return h.WayFrom(now, rollout.ShortName(d.service.Previous.TaskDefinition))
}

// record notes what ran before and what runs now, once a half was deployed. A
// record that cannot be written makes that half's result say so: the way back
// is then not known.
func (d *delivery) record(ctx context.Context, results []pipeline.Result) {
	ctx = context.WithoutCancel(ctx)
	for i := range results {
		r := &results[i]
		if r.Stage != stageLambda && r.Stage != stageECS || r.Outcome != pipeline.Passed {
			continue
		}
		if err := d.recordNow(ctx); err != nil {
			r.Outcome, r.Err = pipeline.Failed, fmt.Errorf("deployed, and not recorded for a rollback: %w", err)
		}
		return
	}
}

func (d *delivery) recordNow(ctx context.Context) error {
	out, err := d.have(ctx)
	if err != nil {
		return err
	}
	ref, err := d.m.revision(ctx)
	if err != nil {
		return err
	}
	_, err = d.m.recordRunning(ctx, d.cloud, out, ref.Commit)
	return err
}
