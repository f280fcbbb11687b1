package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
)

// settle makes a deploy one thing: if one half failed, the other, which
// succeeded and changed something, goes back to what ran before. Its result
// says so.
func (d *delivery) settle(ctx context.Context, results []pipeline.Result) {
	// A canceled run has to be settled as well.
	ctx = context.WithoutCancel(ctx)
	var function, service *pipeline.Result
	for i := range results {
		switch results[i].Stage {
		case stageLambda:
			function = &results[i]
		case stageECS:
			service = &results[i]
		}
	}
	if function == nil || service == nil {
		return
	}
	passed := func(r *pipeline.Result) bool { return r.Outcome == pipeline.Passed }
	switch {
	case passed(function) && !passed(service):
		d.takeBack(function, func() (string, error) { return d.restoreFunction(ctx) })
	case passed(service) && !passed(function):
		d.takeBack(service, func() (string, error) { return d.restoreService(ctx) })
	}
}

func (d *delivery) takeBack(half *pipeline.Result, restore func() (string, error)) {
	remark, err := restore()
	if err != nil {
		half.Outcome, half.Err = pipeline.Failed, fmt.Errorf("deployed, and not taken back although the other half failed: %w", err)
		return
	}
	half.Produced += "; " + remark
	say("%s: %s", half.Stage, remark)
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
	result, err := services(d.cloud).Restore(ctx, before, rollout.FollowOptions{})
	return "taken back to " + shortName(result.TaskDefinition), err
}
