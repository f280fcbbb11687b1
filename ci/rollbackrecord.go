package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/record"
	"dagger/sensor-backend/trigger"
)

// half restores one half and notes how that went.
func (r *rollbackRun) half(ctx context.Context, stage string, restore func() (string, error)) (string, error) {
	started := time.Now()
	line, err := restore()
	result := pipeline.Result{Stage: stage, Outcome: pipeline.Passed, Started: started, Elapsed: time.Since(started), Produced: line, Err: err}
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		result.Outcome = pipeline.Canceled
	case err != nil:
		result.Outcome = pipeline.Failed
	}
	r.results = append(r.results, result)
	return line, err
}

// keep writes the record of the rollback beside those of the runs; after is what
// runs now.
func (r *rollbackRun) keep(ctx context.Context, after history.Entry) {
	id, err := record.NewID(r.started, after.Commit, rand.Reader)
	if err != nil {
		say("the rollback's record is not kept: %v", err)
		return
	}
	stages := make([]string, len(r.results))
	for i, result := range r.results {
		stages[i] = result.Stage
	}
	kept := record.Record{
		Schema: record.Schema, ID: id, Kind: record.Rollback, Commit: after.Commit, Left: r.left(), Event: byRollback,
		Decision: trigger.ByHand(stages, r.m.Environment), Target: r.m.recordTarget(r.cloud), By: record.By{Actor: r.cloud.caller},
		Started: r.started, Service: record.ServiceHalf(r.serviceResult), Function: record.FunctionHalf(r.functionResult),
	}
	kept.SetStages(r.results)
	kept.Ended = time.Now().UTC()
	secretsGiven.Value(&kept)
	r.m.keep(ctx, r.cloud, kept)
}

// byRollback is the event of a rollback that somebody called for.
const byRollback = "rollback"

// left is the commit that ran before the rollback; empty if it is not known.
func (r *rollbackRun) left() string {
	service, _ := r.past.Find(history.Service, r.now.Service.Version)
	function, _ := r.past.Find(history.Function, r.now.Function.Version)
	return cmp.Or(service.Commit, function.Commit)
}
