package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Current reads what the service runs. When a deployment is under way it is the
// one before that counts, if that one completed and still runs.
func (s Services) Current(ctx context.Context, cluster, service string) (State, error) {
	svc, err := s.service(ctx, cluster, service)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", subject(cluster, service), err)
	}
	return state(cluster, service, svc), nil
}

// Images is what the containers of a task definition run, in its order.
func (s Services) Images(ctx context.Context, taskDefinition string) ([]ContainerImage, error) {
	td, _, err := s.describe(ctx, taskDefinition)
	if err != nil {
		return nil, err
	}
	all := make([]ContainerImage, 0, len(td.ContainerDefinitions))
	for _, c := range td.ContainerDefinitions {
		all = append(all, ContainerImage{Container: aws.ToString(c.Name), Image: aws.ToString(c.Image)})
	}
	return all, nil
}

// Deploy puts the images into the family's latest active task definition,
// registers a revision if that makes a difference, updates the service once and
// follows its own deployment to the end. The error is nil only for
// rollout.Completed and Unchanged; otherwise it is a *rollout.Error, and the
// result is filled as far as things went. A deploy of what runs already makes no
// revision and no update. Daemon services, sidecars and several target groups
// need nothing special: how many tasks are wanted is what ECS reports. Services
// under the CODE_DEPLOY and EXTERNAL controllers are refused.
func (s Services) Deploy(ctx context.Context, req Request) (Result, error) {
	r := &roll{
		s: s, subject: subject(req.Cluster, req.Service), cluster: req.Cluster, service: req.Service, follow: req.Follow.withDefaults(),
		changes: req.changes(), prepare: req.Prepare, mayRollBack: req.MayRollBack,
	}
	var res Result
	if err := req.check(); err != nil {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	res.Images, res.Image = req.images(), req.Image
	reading, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	svc, err := s.service(reading, req.Cluster, req.Service)
	if err != nil {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	r.before, r.read, res.Previous = svc, time.Now(), state(req.Cluster, req.Service, svc)
	wanted, err := s.wanted(reading, req, svc)
	if err != nil {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	if wanted.existing != nil {
		r.definition = *wanted.existing
		if r.step, err = r.action(reading); err != nil {
			return r.refused(ctx, rollout.NotStarted, res, err)
		}
	}
	r.forced = req.Force
	r.step = r.asked(r.step)
	if r.step != leave {
		if refusal := r.verify(ctx, req, wanted.input); refusal != nil {
			return r.unfit(ctx, res, refusal)
		}
	}
	if wanted.existing == nil {
		td, err := r.register(ctx, wanted)
		if err != nil {
			return r.refused(ctx, rollout.NotStarted, res, err)
		}
		r.definition, res.Registered = *td, true
		r.changes.Add("revision " + rollout.ShortName(aws.ToString(td.TaskDefinitionArn)) + " registered")
		s.Env.Reportf("registered task definition %s", rollout.ShortName(aws.ToString(td.TaskDefinitionArn)))
	}
	return r.run(ctx, res)
}

// Restore puts back a state and follows that deployment as Deploy does. A state
// in which nothing had completed is left alone and reported as Unchanged: there
// is nothing to go back to.
func (s Services) Restore(ctx context.Context, to State, follow FollowOptions) (Result, error) {
	if !to.Settled || to.TaskDefinition == "" {
		return Result{
			Outcome: rollout.Unchanged, Previous: to, TaskDefinition: to.TaskDefinition, Ended: true,
			Reason: "nothing had ever run there, so there is nothing to restore",
		}, nil
	}
	r := &roll{
		s: s, subject: subject(to.Cluster, to.Service), cluster: to.Cluster, service: to.Service, follow: follow.withDefaults(),
		changes: &rollout.Changes{},
	}
	reading, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	svc, err := s.service(reading, to.Cluster, to.Service)
	if err != nil {
		return r.refused(ctx, rollout.NotStarted, Result{}, err)
	}
	r.before, r.read = svc, time.Now()
	res := Result{Previous: state(to.Cluster, to.Service, svc)}
	if r.definition, _, err = s.describe(reading, to.TaskDefinition); err != nil {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	if r.definition.Status == types.TaskDefinitionStatusInactive {
		return r.refused(ctx, rollout.NotStarted, res, fmt.Errorf("task definition %s is deregistered: choose another revision", rollout.ShortName(to.TaskDefinition)))
	}
	if r.step, err = r.action(reading); err != nil {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	return r.run(ctx, res)
}

// running says of a task definition that runs how much of it runs, and since when.
func running(arn string, st State) string {
	said := fmt.Sprintf("%s runs already in %d of %d tasks", rollout.ShortName(arn), st.Running, st.Desired)
	if !st.Since.IsZero() {
		said += ", deployed " + st.Since.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return said
}

func (o FollowOptions) withDefaults() FollowOptions {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return o
}

// roll makes one service run one registered task definition.
type roll struct {
	s                Services
	subject          string
	cluster, service string
	follow           FollowOptions
	// before is the service as it was read last before the update, at the time read.
	before     types.Service
	read       time.Time
	definition types.TaskDefinition
	step       step
	// forced is true if a new deployment is asked for even of what runs.
	forced      bool
	changes     *rollout.Changes
	prepare     func(ctx context.Context, service types.Service, definition types.TaskDefinition) error
	mayRollBack func(ctx context.Context) error
}

// verify asks the caller's checks.
func (r *roll) verify(ctx context.Context, req Request, revision *ecs.RegisterTaskDefinitionInput) error {
	switch {
	case req.Verify == nil:
		return nil
	case req.SkipVerify:
		r.s.Env.Reportf("%s: verification skipped, as asked for", r.subject)
		return nil
	}
	return req.Verify(ctx, r.before, revision)
}

// register registers the wanted revision.
func (r *roll) register(ctx context.Context, w wanted) (*types.TaskDefinition, error) {
	limited, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	td, err := r.s.register(limited, w.input, w.base)
	var unknown *unknownRevisionError
	if errors.As(err, &unknown) {
		r.changes.Add("registration of a revision sent, and whether ECS made it is not known")
	}
	return td, err
}

// unfit ends a deploy whose verification failed. If a deployment of the same
// revision is under way, that one goes on.
func (r *roll) unfit(ctx context.Context, res Result, refusal error) (Result, error) {
	res, err := r.refused(ctx, rollout.VerificationFailed, res, refusal)
	var e *rollout.Error
	if r.step == join && errors.As(err, &e) {
		res.Ended = false
		e.Next = "a deployment of it is under way all the same and goes on: roll back, or mend that and deploy again"
	}
	return res, err
}

// run does the step that was decided on, and follows the deployment.
func (r *roll) run(ctx context.Context, res Result) (Result, error) {
	arn := aws.ToString(r.definition.TaskDefinitionArn)
	res.TaskDefinition = arn
	for name := range res.Images {
		res.Images[name] = imageOf(r.definition.ContainerDefinitions, name)
	}
	if r.step == await {
		recovered, err := r.recovers(ctx)
		switch {
		case err != nil:
			return r.refused(ctx, rollout.NotStarted, res, err)
		case recovered:
			r.step = leave
		default:
			r.step = force
		}
	}
	if r.step == update || r.step == force {
		if r.prepare != nil {
			if err := r.prepare(ctx, r.before, r.definition); err != nil {
				return r.unprepared(ctx, res, err)
			}
		}
		if err := r.refresh(ctx); err != nil {
			return r.refused(ctx, rollout.NotStarted, res, err)
		}
		res.Previous = state(r.cluster, r.service, r.before)
	}
	f := r.follower()
	switch r.step {
	case leave:
		res.Outcome, res.Reason, res.Ended, res.Changed = rollout.Unchanged, running(arn, res.Previous), true, r.changes.List()
		if len(res.Changed) > 0 {
			res.Outcome = rollout.Completed // someone else brought it there meanwhile
		}
		if r.before.DesiredCount == 0 {
			res.Reason = rollout.ShortName(arn) + " is set already; " + noTasks
		}
		res.Deployment = res.Previous.Deployment
		r.s.Env.Reportf("%s: %s", r.subject, res.Reason)
		return res, nil
	case join:
		r.s.Env.Reportf("%s: a deployment of %s is under way, following it", r.subject, rollout.ShortName(arn))
		f.join(res.Previous.Deployment)
	default:
		if err := r.send(ctx, f); err != nil {
			return r.unsent(ctx, f, res, err)
		}
	}
	f.updated = true
	return f.follow(ctx, res)
}

// noTasks is why nothing is proven of a service without tasks.
const noTasks = "the service wants 0 tasks, so none has proven that it runs"

// refresh reads the service again before the update, if verification, registration
// or preparation took so long that it may have changed.
func (r *roll) refresh(ctx context.Context) error {
	if time.Since(r.read) < freshFor {
		return nil
	}
	reading, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	svc, err := r.s.service(reading, r.cluster, r.service)
	if err != nil {
		return fmt.Errorf("read the service again: %w", err)
	}
	r.before, r.read = svc, time.Now()
	next, err := r.action(reading)
	if err != nil {
		return err
	}
	if next = r.asked(next); next != r.step {
		r.s.Env.Reportf("%s: it has changed meanwhile", r.subject)
		if r.step = next; next == await {
			r.step = force
		}
	}
	return nil
}

// asked is a step, or in its place the new deployment that was asked for.
func (r *roll) asked(next step) step {
	if r.forced && (next == leave || next == await) {
		return force
	}
	return next
}

// freshFor is how old an answer may be that an update goes by.
const freshFor = 5 * time.Second

// send updates the service and takes from the answer which deployment is ours.
func (r *roll) send(ctx context.Context, f *follower) error {
	limited, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	f.serviceDeployment.remember(limited, r.before)
	svc, err := r.s.update(limited, r, f.serviceDeployment)
	if err != nil {
		return err
	}
	short := rollout.ShortName(f.view.TaskDefinition)
	r.changes.Add("service updated to " + short)
	f.started(svc)
	r.s.Env.Reportf("%s: deploying %s as %s", r.subject, short, cmp.Or(f.view.Deployment, "a new deployment"))
	return nil
}

// unsent ends a deploy whose update ECS did not take, or may have taken.
func (r *roll) unsent(ctx context.Context, f *follower, res Result, err error) (Result, error) {
	var unknown *unknownUpdateError
	var overtaken *overtakenError
	switch {
	case ctx.Err() != nil:
		return f.canceled(ctx, res)
	case errors.As(err, &overtaken):
		res.Deployment = overtaken.deployment
		return f.end(ctx, res, verdictEnd{outcome: rollout.Superseded, reason: err.Error(), ended: true})
	case errors.As(err, &unknown):
		r.changes.Add("update of the service sent, and whether ECS took it is not known")
		return f.end(ctx, res, verdictEnd{outcome: rollout.Lost, err: err})
	}
	return r.refused(ctx, rollout.NotStarted, res, err)
}

// unprepared ends a deploy whose preparation failed, and completes its error with
// what was changed.
func (r *roll) unprepared(ctx context.Context, res Result, err error) (Result, error) {
	var e *rollout.Error
	if !errors.As(err, &e) {
		return r.refused(ctx, rollout.NotStarted, res, err)
	}
	changed := r.changes.List()
	for _, c := range e.Changed {
		if !slices.Contains(changed, c) {
			changed = append(changed, c)
		}
	}
	e.Changed = changed
	if e.Outcome == rollout.NotStarted && len(changed) > 0 {
		e.Outcome = rollout.Failed
	}
	res.Outcome, res.Reason, res.Changed, res.Ended = e.Outcome, err.Error(), changed, e.Outcome.Ended()
	return res, err
}

// refused ends a deploy before its update took effect.
func (r *roll) refused(ctx context.Context, o rollout.Outcome, res Result, err error) (Result, error) {
	changed := r.changes.List()
	next := "nothing was changed; mend that and deploy again"
	if len(changed) > 0 {
		next = "the service was not updated and runs as before; mend that and deploy again"
		if o == rollout.NotStarted {
			o = rollout.Failed
		}
	}
	if ctx.Err() != nil {
		o, next = rollout.Canceled, "the service was not updated; deploy again"
	}
	res.Outcome, res.Reason, res.Changed, res.Ended = o, err.Error(), changed, true
	return res, &rollout.Error{Outcome: o, Subject: r.subject, Changed: changed, Next: next, Err: err}
}

func subject(cluster, service string) string {
	return "ecs service " + rollout.ShortName(cluster) + "/" + rollout.ShortName(service)
}
