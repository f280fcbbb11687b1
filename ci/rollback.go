package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"
)

// Rollback puts back what ran before, in ECS, Lambda or both, and waits until it really runs, with the same verdicts as deploy.
//
// It goes to what is recorded and not to the number before, which may be as bad;
// what was rolled back from is never gone back to. A database migration that
// cannot be undone refuses the way. While a deploy is under way, such as one
// whose run was interrupted, previous is what runs beside it: the deployment is
// replaced, and a canary's share taken back.
//
// +cache="never"
func (m *SensorBackend) Rollback(
	ctx context.Context,
	// Where to: previous, or what deployments lists: a task definition or its revision, a Lambda version, an image digest or a code hash. A revision or version that is not recorded needs --only.
	// +default="previous"
	to string,
	// Half to roll back alone: ecs or lambda.
	// +optional
	only string,
) (string, error) {
	if only != "" && only != stageECS && only != stageLambda {
		return "", fmt.Errorf("unknown half %q: choose from %s, %s, or leave it out for both", only, stageECS, stageLambda)
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	giveBack, err := m.turn(ctx, c)
	if err != nil {
		return "", exits(err)
	}
	defer giveBack()
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	r := &rollbackRun{m: m, cloud: c, out: out, only: only, started: time.Now().UTC()}
	report, err := r.run(ctx, to)
	return report, exits(err)
}

// rollbackRun is one rollback under way.
type rollbackRun struct {
	m     *SensorBackend
	cloud *cloud
	out   tfrun.Outputs
	only  string

	service  rollout.ServiceState
	function rollout.FunctionState
	now      history.Entry
	past     history.History

	// started, results and how each half ended are for the record.
	started        time.Time
	results        []pipeline.Result
	serviceResult  rollout.ServiceResult
	functionResult rollout.FunctionResult
}

func (r *rollbackRun) run(ctx context.Context, to string) (string, error) {
	var err error
	if r.service, r.function, r.now, err = running(ctx, r.cloud, r.out); err != nil {
		return "", err
	}
	if r.past, err = r.m.store(r.cloud).Load(ctx); err != nil {
		return "", err
	}
	target, err := r.target(to)
	if err == nil && r.only != stageLambda {
		err = r.past.Way(r.now.Service.Version, target)
	}
	if err != nil {
		return "", &rollout.Error{
			Outcome: rollout.NotStarted, Subject: r.m.targetName(r.cloud), Err: err, Next: "see deployments for what is recorded",
		}
	}
	var lines []string
	var failures []error
	if r.only != stageLambda {
		line, err := r.half(ctx, stageECS, func() (string, error) { return r.restoreService(ctx, target) })
		lines, failures = append(lines, line), append(failures, err)
	}
	if r.only != stageECS {
		line, err := r.half(ctx, stageLambda, func() (string, error) { return r.restoreFunction(ctx, target) })
		lines, failures = append(lines, line), append(failures, err)
	}
	failures = append(failures, r.record(ctx))
	report := strings.Join(lines, "\n")
	if err := errors.Join(failures...); err != nil {
		return "", fmt.Errorf("%w\n%s", err, report)
	}
	return report, nil
}

// target is where to go.
func (r *rollbackRun) target(to string) (history.Entry, error) {
	parts := []history.Part{history.Service, history.Function}
	switch r.only {
	case stageECS:
		parts = parts[:1]
	case stageLambda:
		parts = parts[1:]
	}
	switch {
	case to == "previous" && r.underWay():
		return r.past.Undo()
	case to == "previous":
		return r.past.Previous(r.now, parts...)
	}
	for _, part := range parts {
		if e, ok := r.past.Find(part, to); ok {
			return e, nil
		}
	}
	digest := strings.Contains(to, ":") && !strings.HasPrefix(to, r.out["ecs_task_family"]+":") || strings.HasSuffix(to, "=")
	switch {
	case digest:
		return history.Entry{}, fmt.Errorf("%s is not recorded", to)
	case r.only == stageECS:
		if !strings.Contains(to, ":") {
			to = r.out["ecs_task_family"] + ":" + to
		}
		return history.Entry{Service: history.Half{Version: to}}, nil
	case r.only == stageLambda:
		return history.Entry{Function: history.Half{Version: to}}, nil
	}
	return history.Entry{}, fmt.Errorf("%s is not recorded, so it is not known which half it names: add --only", to)
}

// underWay reports whether a half that is rolled back is in the middle of a
// deploy.
func (r *rollbackRun) underWay() bool {
	return r.only != stageLambda && r.service.Coming != "" || r.only != stageECS && len(r.function.Weights) > 0
}

func (r *rollbackRun) restoreService(ctx context.Context, target history.Entry) (string, error) {
	to := target.Service.Version
	if to == "" {
		return "ecs: nothing is recorded of it, left as it is", nil
	}
	start := time.Now()
	result, err := services(r.cloud).Restore(ctx, rollout.ServiceState{
		Cluster: r.service.Cluster, Service: r.service.Service, TaskDefinition: to, Settled: true,
	}, rollout.FollowOptions{})
	r.serviceResult = result
	if err != nil {
		return fmt.Sprintf("ecs: %s is not back", to), withDiagnosis(err, result)
	}
	from := cmp.Or(rollout.ShortName(r.service.Coming), r.now.Service.Version)
	return fmt.Sprintf("ecs: %s -> %s, %s in %s", from, to, result.Outcome, time.Since(start).Round(100*time.Millisecond)), nil
}

func (r *rollbackRun) restoreFunction(ctx context.Context, target history.Entry) (string, error) {
	to := target.Function
	if to.Version == "" {
		return "lambda: nothing is recorded of it, left as it is", nil
	}
	start := time.Now()
	result, err := functions(r.cloud).Restore(ctx, rollout.FunctionState{
		Function: r.function.Function, Alias: r.function.Alias, Version: to.Version, CodeSHA256: to.Digest,
	}, 0)
	r.functionResult = result
	if err != nil {
		return fmt.Sprintf("lambda: version %s is not back", to.Version), err
	}
	return fmt.Sprintf("lambda: version %s -> %s, %s in %s", r.now.Function.Version, to.Version, result.Outcome, time.Since(start).Round(100*time.Millisecond)), nil
}

// record notes what was left and what runs now.
func (r *rollbackRun) record(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	_, _, after, err := running(ctx, r.cloud, r.out)
	if err != nil {
		return fmt.Errorf("record the rollback: %w", err)
	}
	after.By = "rollback by " + r.m.whoDeploys(ctx, r.cloud)
	past := slices.Clone(r.past)
	if after.Service.Version != r.now.Service.Version {
		past = past.Leave(history.Service, r.now.Service.Version)
	}
	if after.Function.Version != r.now.Function.Version {
		past = past.Leave(history.Function, r.now.Function.Version)
	}
	if e, ok := past.Find(history.Service, after.Service.Version); ok {
		after.Commit, after.Schema, after.NoWayBack = e.Commit, e.Schema, e.NoWayBack
	}
	r.keep(ctx, after)
	return r.m.store(r.cloud).Save(ctx, past.Add(after))
}
