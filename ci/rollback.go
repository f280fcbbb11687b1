package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/deployments"
	"dagger/sensor-backend/rollout/ecs"
	"dagger/sensor-backend/rollout/lambda"
	"dagger/sensor-backend/text"
)

// Rollback puts back what ran before, in ECS, Lambda or both, and waits until it really runs.
//
// Its verdicts are those of deploy. It goes to what is recorded and not to the
// number before, which may be as bad; what was rolled back from is never gone back
// to. A database migration that cannot be undone refuses the way. While a deploy is
// under way, such as one whose run was interrupted, previous is what runs beside
// it: the deployment is replaced, and a canary's share taken back.
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
	// ECS cluster of a service to roll back instead of what Terraform made; with service.
	// +optional
	cluster string,
	// ECS service to roll back; with cluster.
	// +optional
	service string,
	// Lambda function to roll back; with alias.
	// +optional
	function string,
	// Alias of the function; with function.
	// +optional
	alias string,
) (string, error) {
	if only != "" && only != trigger.ECS && only != trigger.Lambda {
		return "", text.Unknown("half", only, []string{trigger.ECS, trigger.Lambda}, "--only")
	}
	n := named{service: serviceNames{cluster: cluster, service: service}, function: functionNames{function: function, alias: alias}}
	return m.onLockedSystem(ctx, n, func(ctx context.Context, c *cloud, s system) (string, error) {
		if err := s.checkHalf(only); err != nil {
			return "", err
		}
		if halves := s.halves(); len(halves) == 1 {
			only = halves[0]
		}
		r := &rollbackRun{m: m, cloud: c, system: s, named: n.given(), only: only, started: time.Now().UTC()}
		return r.run(ctx, to)
	})
}

// rollbackRun is one rollback under way.
type rollbackRun struct {
	m     *SensorBackend
	cloud *cloud
	// system is what is rolled back; named tells that arguments named it.
	system system
	named  bool
	// only is the half to roll back; empty for both.
	only string

	now   running
	known deployments.History

	// started, results and how each half ended are for the record.
	started        time.Time
	results        []pipeline.Result
	serviceResult  ecs.Result
	functionResult lambda.Result
}

func (r *rollbackRun) run(ctx context.Context, to string) (string, error) {
	var err error
	if r.now, err = r.system.running(ctx, r.cloud); err != nil {
		return "", err
	}
	if r.known, err = r.system.known(ctx); err != nil {
		return "", err
	}
	target, err := r.target(to)
	if err == nil && r.only != trigger.Lambda {
		err = r.known.CheckReversible(target)
	}
	if err != nil {
		return "", &rollout.Error{
			Outcome: rollout.NotStarted, Subject: r.m.targetName(r.cloud), Err: err, Next: "see deployments for what is recorded",
		}
	}
	var lines []string
	var failures []error
	if r.only != trigger.Lambda {
		line, err := r.half(ctx, trigger.ECS, func() (string, error) { return r.restoreService(ctx, target) })
		lines, failures = append(lines, line), append(failures, err)
	}
	if r.only != trigger.ECS {
		line, err := r.half(ctx, trigger.Lambda, func() (string, error) { return r.restoreFunction(ctx, target) })
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
func (r *rollbackRun) target(to string) (deployments.Entry, error) {
	parts := []deployments.Part{deployments.Service, deployments.Function}
	switch r.only {
	case trigger.ECS:
		parts = parts[:1]
	case trigger.Lambda:
		parts = parts[1:]
	}
	switch {
	case to == "previous" && r.underWay():
		return r.known.Undo()
	case to == "previous":
		return r.known.Previous(r.now.entry, parts...)
	}
	for _, part := range parts {
		if e, ok := r.known.Find(part, to); ok {
			return e, nil
		}
	}
	digest := strings.Contains(to, ":") && !strings.HasPrefix(to, r.family()+":") || strings.HasSuffix(to, "=")
	switch {
	case digest:
		return deployments.Entry{}, fmt.Errorf("%s is not recorded", to)
	case r.only == trigger.ECS:
		if !strings.Contains(to, ":") {
			to = r.family() + ":" + to
		}
		return deployments.Entry{Service: deployments.Half{Version: to}}, nil
	case r.only == trigger.Lambda:
		return deployments.Entry{Function: deployments.Half{Version: to}}, nil
	}
	return deployments.Entry{}, fmt.Errorf("%s is not recorded, so it is not known which half it names: add --only", to)
}

// underWay reports whether a half that is rolled back is in the middle of a
// deploy.
func (r *rollbackRun) underWay() bool {
	return r.only != trigger.Lambda && r.now.service.Coming != "" || r.only != trigger.ECS && len(r.now.function.Weights) > 0
}

func (r *rollbackRun) restoreService(ctx context.Context, target deployments.Entry) (string, error) {
	to := target.Service.Version
	if to == "" {
		return "ecs: nothing is recorded of it, left as it is", nil
	}
	start := time.Now()
	result, err := services(r.cloud).Restore(ctx, ecs.State{
		Cluster: r.now.service.Cluster, Service: r.now.service.Service, TaskDefinition: to, Settled: true,
	}, ecs.FollowOptions{})
	r.serviceResult = result
	if err != nil {
		return fmt.Sprintf("ecs: %s is not back", to), withDiagnosis(err, result)
	}
	from := cmp.Or(rollout.ShortName(r.now.service.Coming), r.now.entry.Service.Version)
	return fmt.Sprintf("ecs: %s -> %s, %s in %s", from, to, result.Outcome, time.Since(start).Round(100*time.Millisecond)), nil
}

func (r *rollbackRun) restoreFunction(ctx context.Context, target deployments.Entry) (string, error) {
	to := target.Function
	if to.Version == "" {
		return "lambda: nothing is recorded of it, left as it is", nil
	}
	start := time.Now()
	result, err := functions(r.cloud).Restore(ctx, lambda.State{
		Function: r.now.function.Function, Alias: r.now.function.Alias, Version: to.Version, CodeSHA256: to.Digest,
	}, 0)
	r.functionResult = result
	if err != nil {
		return fmt.Sprintf("lambda: version %s is not back", to.Version), err
	}
	return fmt.Sprintf("lambda: version %s -> %s, %s in %s", r.now.entry.Function.Version, to.Version, result.Outcome, time.Since(start).Round(100*time.Millisecond)), nil
}

// record notes what was left and what runs now.
func (r *rollbackRun) record(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	ran, err := r.system.running(ctx, r.cloud)
	if err != nil {
		return fmt.Errorf("record the rollback: %w", err)
	}
	after := ran.entry
	after.By = "rollback by " + r.m.deployer(ctx, r.cloud)
	if e, ok := r.known.Find(deployments.Service, after.Service.Version); ok {
		after.Commit, after.Schema = e.Commit, e.Schema
	}
	if !r.named {
		r.saveRecord(ctx, after)
		r.m.tagRunning(ctx, r.cloud, digestOf(ran.image))
	}
	if !r.system.recorded() {
		return nil
	}
	return r.system.deployments.Update(ctx, func(h *deployments.History) {
		if after.Service.Version != r.now.entry.Service.Version {
			h.MarkRolledBack(deployments.Service, r.now.entry.Service.Version)
		}
		if after.Function.Version != r.now.entry.Function.Version {
			h.MarkRolledBack(deployments.Function, r.now.entry.Function.Version)
		}
		h.Add(after)
	})
}

// family is the task definition family of what runs.
func (r *rollbackRun) family() string {
	family, _, _ := strings.Cut(rollout.ShortName(r.now.service.TaskDefinition), ":")
	return family
}

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

// saveRecord writes the record of the rollback beside those of the runs; after is
// what runs now.
func (r *rollbackRun) saveRecord(ctx context.Context, after deployments.Entry) {
	id, err := record.NewID(r.started, after.Commit, rand.Reader)
	if err != nil {
		progress("the rollback's record is not saved: %v", err)
		return
	}
	stages := make([]string, len(r.results))
	for i, result := range r.results {
		stages[i] = result.Stage
	}
	rolledBack := record.Record{
		Schema: record.Schema, ID: id, Kind: record.Rollback, Commit: after.Commit, Left: r.left(), Event: byRollback,
		Decision: trigger.Named(stages, r.m.Environment), Target: r.m.recordTarget(r.cloud), By: record.By{Actor: r.cloud.caller},
		Started: r.started, Service: record.HalfOf(r.serviceResult.Summary()), Function: record.HalfOf(r.functionResult.Summary()),
	}
	rolledBack.SetStages(r.results)
	rolledBack.Ended = time.Now().UTC()
	secretsGiven.Value(&rolledBack)
	r.m.saveRecord(ctx, r.cloud, rolledBack)
}

// byRollback is the event of a rollback that somebody called for.
const byRollback = "rollback"

// left is the commit that ran before the rollback; empty if it is not known.
func (r *rollbackRun) left() string {
	service, _ := r.known.Find(deployments.Service, r.now.entry.Service.Version)
	function, _ := r.known.Find(deployments.Function, r.now.entry.Function.Version)
	return cmp.Or(service.Commit, function.Commit)
}
