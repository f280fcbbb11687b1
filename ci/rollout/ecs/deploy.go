package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Current records what the service runs. When a deployment is under way it is
// the one before that counts, if that one completed and still runs.
func (s Services) Current(ctx context.Context, cluster, service string) (State, error) {
	svc, err := s.service(ctx, cluster, service)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", subject(cluster, service), err)
	}
	return state(cluster, service, svc), nil
}

// Image is what the named container runs in a task definition.
func (s Services) Image(ctx context.Context, taskDefinition, container string) (string, error) {
	td, _, err := s.describe(ctx, taskDefinition)
	if err != nil {
		return "", err
	}
	return imageOf(td.ContainerDefinitions, container), nil
}

// Deploy puts the image into the family's latest active task definition,
// registers a revision if that makes a difference, updates the service once and
// follows its own deployment to the end. The error is nil only for rollout.Completed
// and Unchanged; otherwise it is a *rollout.Error, and the result is filled as far as
// things went. A deploy of what runs already makes no revision and no update.
func (s Services) Deploy(ctx context.Context, req Request) (Result, error) {
	subj := subject(req.Cluster, req.Service)
	fail := func(res Result, err error) (Result, error) {
		return s.refused(ctx, subj, rollout.NotStarted, res, err)
	}
	if err := req.check(); err != nil {
		return fail(Result{}, err)
	}
	svc, err := s.service(ctx, req.Cluster, req.Service)
	if err != nil {
		return fail(Result{}, err)
	}
	res := Result{Previous: state(req.Cluster, req.Service, svc), Image: req.Image}
	wanted, err := s.wanted(ctx, req, svc)
	if err != nil {
		return fail(res, err)
	}
	td := wanted.existing
	if td == nil && req.Verify != nil {
		if err := req.Verify(ctx, svc, wanted.input); err != nil {
			return s.refused(ctx, subj, rollout.VerificationFailed, res, err)
		}
	}
	if td == nil {
		if td, err = s.register(ctx, wanted.input); err != nil {
			return fail(res, err)
		}
		res.Registered = true
		s.Env.Reportf("registered task definition %s", rollout.ShortName(aws.ToString(td.TaskDefinitionArn)))
	}
	return s.roll(ctx, rollRequest{
		cluster: req.Cluster, service: req.Service, follow: req.Follow,
		container: req.Container, definition: *td, before: svc, prepare: req.Prepare,
	}, res)
}

// Restore puts back a recorded state and follows that deployment as Deploy
// does. A state in which nothing had completed is left alone and reported as
// Unchanged: there is nothing to go back to.
func (s Services) Restore(ctx context.Context, to State, follow FollowOptions) (Result, error) {
	if !to.Settled || to.TaskDefinition == "" {
		return Result{
			Outcome: rollout.Unchanged, Previous: to, TaskDefinition: to.TaskDefinition,
			Reason: "nothing had ever run there, so there is nothing to restore",
		}, nil
	}
	subj := subject(to.Cluster, to.Service)
	svc, err := s.service(ctx, to.Cluster, to.Service)
	if err != nil {
		return s.refused(ctx, subj, rollout.NotStarted, Result{}, err)
	}
	res := Result{Previous: state(to.Cluster, to.Service, svc)}
	td, _, err := s.describe(ctx, to.TaskDefinition)
	if err != nil {
		return s.refused(ctx, subj, rollout.NotStarted, res, err)
	}
	if td.Status == types.TaskDefinitionStatusInactive {
		return s.refused(ctx, subj, rollout.NotStarted, res, fmt.Errorf("task definition %s is deregistered: choose another revision", rollout.ShortName(to.TaskDefinition)))
	}
	return s.roll(ctx, rollRequest{cluster: to.Cluster, service: to.Service, follow: follow, definition: td, before: svc}, res)
}

var digestForm = regexp.MustCompile(`^[^@\s]+@sha256:[0-9a-f]{64}$`)

// check refuses a request that cannot be meant.
func (r Request) check() error {
	for what, v := range map[string]string{"cluster": r.Cluster, "service": r.Service, "container": r.Container} {
		if v == "" {
			return fmt.Errorf("no %s is named", what)
		}
	}
	if !digestForm.MatchString(r.Image) {
		return fmt.Errorf("image %q is not named by digest (HOST/NAME@sha256:...): a tag may move between test and deploy", r.Image)
	}
	return nil
}

// wanted is the task definition that a deploy is to run.
type wanted struct {
	// existing is set when a revision of that content is there already.
	existing *types.TaskDefinition
	// input registers it otherwise.
	input *ecs.RegisterTaskDefinitionInput
}

// wanted finds a revision that is already as wanted, first the one that
// the service runs and then the family's latest.
func (s Services) wanted(ctx context.Context, req Request, svc types.Service) (wanted, error) {
	running := primaryOf(svc)
	runs := aws.ToString(svc.TaskDefinition)
	if running != nil {
		runs = cmp.Or(aws.ToString(running.TaskDefinition), runs)
	}
	family := cmp.Or(req.Family, familyOf(runs))
	latest, latestTags, err := s.describe(ctx, family)
	if err != nil {
		return wanted{}, err
	}
	input := registrable(latest, latestTags)
	if err := withImage(input, req.Container, req.Image); err != nil {
		return wanted{}, err
	}
	candidates := []types.TaskDefinition{latest}
	tags := [][]types.Tag{latestTags}
	if runs != "" && runs != aws.ToString(latest.TaskDefinitionArn) {
		td, tdTags, err := s.describe(ctx, runs)
		if err != nil {
			return wanted{}, err
		}
		candidates = append([]types.TaskDefinition{td}, candidates...)
		tags = append([][]types.Tag{tdTags}, tags...)
	}
	for i := range candidates {
		if candidates[i].Status == types.TaskDefinitionStatusInactive {
			continue
		}
		equal, err := same(input, registrable(candidates[i], tags[i]))
		if err != nil {
			return wanted{}, err
		}
		if equal {
			return wanted{existing: &candidates[i]}, nil
		}
	}
	return wanted{input: input}, nil
}

// rollRequest is one update of a service and what is known at its start.
type rollRequest struct {
	cluster, service string
	container        string
	follow           FollowOptions
	definition       types.TaskDefinition
	before           types.Service
	prepare          func(ctx context.Context, service types.Service, definition types.TaskDefinition) error
}

// roll makes the service run a registered task definition and follows it.
func (s Services) roll(ctx context.Context, req rollRequest, res Result) (Result, error) {
	arn := aws.ToString(req.definition.TaskDefinitionArn)
	subj := subject(req.cluster, req.service)
	res.TaskDefinition = arn
	if req.container != "" {
		res.Image = imageOf(req.definition.ContainerDefinitions, req.container)
	}
	f := s.newFollower(req)
	step := action(req.before, arn)
	switch step {
	case leave:
		res.Outcome, res.Reason = rollout.Unchanged, rollout.ShortName(arn)+" runs already"
		res.Deployment = res.Previous.Deployment
		s.Env.Reportf("%s: %s", subj, res.Reason)
		return res, nil
	case join:
		s.Env.Reportf("%s: a deployment of %s is under way, following it", subj, rollout.ShortName(arn))
		f.join(res.Previous.Deployment)
		f.updated = true
	case update, force:
		if req.prepare != nil {
			if err := req.prepare(ctx, req.before, req.definition); err != nil {
				return s.unprepared(ctx, subj, res, err)
			}
		}
		f.serviceDeployment.remember(ctx, req.before)
		out, err := s.update(ctx, req, step == force)
		switch {
		case err != nil && ctx.Err() != nil:
			return f.canceled(ctx, res)
		case err != nil:
			return s.refused(ctx, subj, rollout.NotStarted, res, err)
		}
		f.updated = true
		f.started(out)
		s.Env.Reportf("%s: deploying %s as %s", subj, rollout.ShortName(arn), cmp.Or(f.view.Deployment, "a new deployment"))
	}
	return f.follow(ctx, res)
}

// unprepared ends a deploy whose preparation failed.
func (s Services) unprepared(ctx context.Context, subj string, res Result, err error) (Result, error) {
	var e *rollout.Error
	if !errors.As(err, &e) {
		return s.refused(ctx, subj, rollout.NotStarted, res, err)
	}
	res.Outcome, res.Reason = e.Outcome, err.Error()
	return res, err
}

// step is what has to be done to make a service run a task definition.
type step int

const (
	leave  step = iota // it runs
	join               // it is being deployed
	update             // it is not what the service is set to
	force              // it is, but its deployment failed
)

// action decides the step.
func action(svc types.Service, arn string) step {
	p := primaryOf(svc)
	if p == nil || aws.ToString(p.TaskDefinition) != arn {
		return update
	}
	switch p.RolloutState {
	case types.DeploymentRolloutStateFailed:
		return force
	case types.DeploymentRolloutStateInProgress:
		return join
	default:
	}
	if settled(svc, *p) {
		return leave
	}
	return join
}

// settled reports whether a deployment completed. Where ECS reports no rollout
// state, settled counts are the only sign.
func settled(svc types.Service, d types.Deployment) bool {
	if d.RolloutState != "" {
		return d.RolloutState == types.DeploymentRolloutStateCompleted
	}
	return d.RunningCount == d.DesiredCount && d.PendingCount == 0 && len(svc.Deployments) == 1
}

// state records the primary deployment if it completed, or else the newest
// other one that did and still runs.
func state(cluster, service string, svc types.Service) State {
	st := State{
		Cluster: cluster, Service: service, TaskDefinition: aws.ToString(svc.TaskDefinition),
		Desired: int(svc.DesiredCount), Running: int(svc.RunningCount),
	}
	p := primaryOf(svc)
	if p == nil {
		return st
	}
	st.Deployment, st.Since = aws.ToString(p.Id), aws.ToTime(p.CreatedAt)
	st.TaskDefinition = cmp.Or(aws.ToString(p.TaskDefinition), st.TaskDefinition)
	st.Settled = settled(svc, *p)
	if st.Settled {
		return st
	}
	var newest time.Time
	for _, d := range svc.Deployments {
		if aws.ToString(d.Status) != statusActive || d.RolloutState != types.DeploymentRolloutStateCompleted {
			continue
		}
		if at := aws.ToTime(d.CreatedAt); !st.Settled || at.After(newest) {
			st.Settled, st.TaskDefinition, newest = true, aws.ToString(d.TaskDefinition), at
		}
	}
	if coming := aws.ToString(p.TaskDefinition); st.Settled && coming != st.TaskDefinition {
		st.Coming = coming
	}
	return st
}

func primaryOf(svc types.Service) *types.Deployment {
	for i := range svc.Deployments {
		if aws.ToString(svc.Deployments[i].Status) == statusPrimary {
			return &svc.Deployments[i]
		}
	}
	return nil
}

// familyOf is the family in a task definition's ARN or in family:revision.
func familyOf(arn string) string {
	family, _, _ := strings.Cut(rollout.ShortName(arn), ":")
	return family
}

func subject(cluster, service string) string {
	return "ecs service " + rollout.ShortName(cluster) + "/" + rollout.ShortName(service)
}

// refused ends a deploy before its update took effect.
func (s Services) refused(ctx context.Context, subj string, o rollout.Outcome, res Result, err error) (Result, error) {
	next := "nothing was changed; mend that and deploy again"
	if ctx.Err() != nil {
		o, next = rollout.Canceled, "nothing was changed; deploy again"
	}
	res.Outcome, res.Reason = o, err.Error()
	return res, &rollout.Error{Outcome: o, Subject: subj, Next: next, Err: err}
}
