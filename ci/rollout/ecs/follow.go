package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// follower watches one deployment of one service.
type follower struct {
	s       Services
	req     rollRequest
	subject string

	view              View
	serviceDeployment *serviceDeployment
	events            *eventLog
	tasks             *taskLog
	signs             signs
	line              string

	// updated is true once ECS has accepted our update.
	updated bool
	// seen is true when the answer to the update showed our deployment, so that
	// there is nothing to look for at once.
	seen bool
	// steady counts reads in a row that showed the same as told.
	steady int
	told   string

	// braked says why this follower stopped the deployment; empty if it did not.
	braked string
}

func (s Services) newFollower(req rollRequest) *follower {
	if req.follow.Timeout <= 0 {
		req.follow.Timeout = DefaultTimeout
	}
	if req.follow.FailFast <= 0 {
		req.follow.FailFast = DefaultFailFast
	}
	f := &follower{
		s: s, req: req, subject: subject(req.cluster, req.service),
		serviceDeployment: &serviceDeployment{s: s, cluster: req.cluster, service: req.service},
		events:            newEventLog(req.before.Events),
		tasks:             newTaskLog(s, req.cluster, req.service, req.definition),
	}
	f.view.TaskDefinition = aws.ToString(req.definition.TaskDefinitionArn)
	for _, d := range req.before.Deployments {
		f.view.Before = append(f.view.Before, aws.ToString(d.Id))
		f.view.Fallback = f.view.Fallback || settled(req.before, d)
	}
	return f
}

// join follows a deployment that was there before.
func (f *follower) join(id string) {
	f.view.Deployment = id
	f.view.Before = slices.DeleteFunc(f.view.Before, func(b string) bool { return b == id })
	f.serviceDeployment.arn = aws.ToString(f.req.before.CurrentServiceDeployment)
	f.serviceDeployment.off = f.serviceDeployment.arn == ""
}

// started takes the id of our deployment from the answer to the update.
func (f *follower) started(svc *types.Service) {
	if svc == nil {
		return
	}
	v := f.view
	v.Service = svc
	if p, ours := find(v); ours != nil && ours == p {
		f.view.Deployment, f.seen = aws.ToString(ours.Id), true
		f.serviceDeployment.hint(svc)
	}
}

// follow asks and waits until there is a verdict.
func (f *follower) follow(ctx context.Context, res Result) (Result, error) {
	loop := f.s.Env.Start()
	failing, missing := stopwatch(-1), stopwatch(-1)
	var verdict Verdict
	if f.seen {
		if err := loop.Wait(ctx); err != nil {
			return f.canceled(ctx, res)
		}
	}
	for {
		seen, err := f.judge(ctx)
		res.Deployment, res.ServiceDeployment, res.Elapsed = f.view.Deployment, f.serviceDeployment.arn, loop.Elapsed()
		var lastErr error
		switch {
		case err == nil:
			loop.Answered()
			verdict = seen
			f.narrate(ctx, verdict, loop.Elapsed())
			if verdict.Outcome != "" {
				return f.end(ctx, res, verdict.Outcome, verdict.Reason, nil)
			}
			failing, missing = failing.while(verdict.Failing, loop.Elapsed()), missing.while(f.view.Service == nil, loop.Elapsed())
			f.view.Failing = verdict.Failing
			if why := f.hopeless(verdict); why != "" {
				if f.brake(ctx, why); f.braked == "" {
					return f.end(ctx, res, rollout.Failed, why, nil)
				}
			}
		case ctx.Err() != nil:
			return f.canceled(ctx, res)
		case poll.Transient(err):
			loop.Failed()
			lastErr = err
			f.tell(fmt.Sprintf("no answer, trying again: %v", err), loop.Elapsed())
		default:
			return f.end(ctx, res, rollout.Lost, "", err)
		}
		if loop.Elapsed() >= f.req.follow.Timeout {
			return f.end(ctx, res, rollout.TimedOut, fmt.Sprintf("no end after %s, last seen: %s", f.req.follow.Timeout, verdict.Reason), lastErr)
		}
		if err := loop.Wait(ctx); err != nil {
			return f.canceled(ctx, res)
		}
		f.view.FailingFor, f.view.MissingFor = failing.age(loop.Elapsed()), missing.age(loop.Elapsed())
	}
}

// stopwatch is the moment at which a condition began to hold; negative while it
// does not.
type stopwatch time.Duration

func (w stopwatch) while(holds bool, now time.Duration) stopwatch {
	switch {
	case !holds:
		return -1
	case w < 0:
		return stopwatch(now)
	}
	return w
}

func (w stopwatch) age(now time.Duration) time.Duration {
	if w < 0 {
		return 0
	}
	return now - time.Duration(w)
}

// judge asks once. The service's list of deployments is asked each time; ECS's
// record of our own service deployment where the list shows something else than
// a rolling update in progress, because then the record decides.
func (f *follower) judge(ctx context.Context) (Verdict, error) {
	if f.view.Service != nil && f.serviceDeployment.arn != "" && shifting(f.view.Service) {
		sd, err := f.serviceDeployment.read(ctx, f.view.TaskDefinition)
		if err != nil {
			return Verdict{}, err
		}
		if f.unmoved(sd) {
			f.view.ServiceDeployment = sd
			return Evaluate(f.view), nil
		}
		return f.judgeService(ctx, sd)
	}
	return f.judgeService(ctx, nil)
}

// maxSteady is how many reads in a row may do with the record alone.
const maxSteady = 2

// unmoved reports whether the record of a deployment under way tells what it told
// before, so that the service need not be asked as well. It need, now and then,
// for its events.
func (f *follower) unmoved(sd *types.ServiceDeployment) bool {
	if sd == nil || sd.Status != types.ServiceDeploymentStatusInProgress || sd.TargetServiceRevision == nil {
		return false
	}
	t := sd.TargetServiceRevision
	now := fmt.Sprint(stage(sd), t.RunningTaskCount, t.PendingTaskCount, t.RequestedTaskCount)
	if b := sd.DeploymentCircuitBreaker; b != nil {
		now += fmt.Sprint(" ", b.FailureCount)
	}
	if now != f.told || f.steady >= maxSteady {
		f.told, f.steady = now, 0
		return false
	}
	f.steady++
	return true
}

// judgeService reads the service, and the record unless that was read.
func (f *follower) judgeService(ctx context.Context, sd *types.ServiceDeployment) (Verdict, error) {
	svc, err := f.s.look(ctx, f.req.cluster, f.req.service)
	if err != nil && !poll.IsCode(err, "ServiceNotFoundException") {
		return Verdict{}, err
	}
	f.view.Service, f.view.ServiceDeployment = svc, nil
	verdict := Evaluate(f.view)
	f.view.Deployment = verdict.Deployment
	if svc != nil {
		if p, ours := find(f.view); ours != nil && ours == p {
			f.serviceDeployment.hint(svc)
		}
	}
	if verdict.Outcome == "" && !verdict.Failing && f.braked == "" && !shifting(svc) {
		return verdict, nil
	}
	if sd == nil {
		if sd, err = f.serviceDeployment.read(ctx, f.view.TaskDefinition); err != nil {
			return Verdict{}, err
		}
	}
	if sd == nil {
		if f.serviceDeployment.searching() {
			verdict.Outcome = ""
		}
		return verdict, nil
	}
	f.view.ServiceDeployment = sd
	return Evaluate(f.view), nil
}

// shifting reports whether the service moves its traffic in stages, which only
// the record tells.
func shifting(svc *types.Service) bool {
	if svc == nil || svc.DeploymentConfiguration == nil {
		return false
	}
	s := svc.DeploymentConfiguration.Strategy
	return s != "" && s != types.DeploymentStrategyRolling
}

// diagnoseTimeout bounds the gathering of what went wrong, which goes on when
// the caller has given up; cancelTimeout is what a cancelled caller waits.
const (
	diagnoseTimeout = 15 * time.Second
	cancelTimeout   = 1500 * time.Millisecond
)

// canceled ends the watch by the policy that the caller chose.
func (f *follower) canceled(ctx context.Context, res Result) (Result, error) {
	cause := ctx.Err()
	left := "the deployment was left running"
	if !f.updated {
		left = "the order to deploy was sent, and whether ECS took it is not known"
	}
	if f.req.follow.OnCancel != RollBack || f.braked != "" {
		return f.end(ctx, res, rollout.Canceled, left, cause)
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	if err := f.serviceDeployment.stop(brief, f.view.TaskDefinition); err != nil {
		return f.end(ctx, res, rollout.Canceled, fmt.Sprintf("%s, ECS could not be asked to roll it back (%v)", left, err), cause)
	}
	return f.end(ctx, res, rollout.Canceled, "ECS was asked to roll the deployment back", cause)
}

// end makes the result and the error of an outcome.
func (f *follower) end(ctx context.Context, res Result, o rollout.Outcome, reason string, err error) (Result, error) {
	if f.braked != "" && !o.OK() {
		reason = f.braked
		if o == rollout.Stopped {
			o = rollout.Failed
		}
	}
	if o == rollout.Completed && f.view.Service != nil && f.view.Service.DesiredCount == 0 {
		reason = "the service wants 0 tasks, so none has proven that it runs"
	}
	res.Outcome, res.Reason = o, reason
	if o.OK() {
		f.s.Env.Reportf("%s: %s runs after %s %s", f.subject, rollout.ShortName(res.TaskDefinition), res.Elapsed.Round(100*time.Millisecond), reason)
		return res, nil
	}
	if o != rollout.Canceled && o != rollout.Lost {
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
		defer cancel()
		f.tasks.update(dctx, f.view.Deployment)
	}
	res.Diagnosis = Diagnosis{Events: f.events.lines, Tasks: f.tasks.failures()}
	if errors.Is(err, context.DeadlineExceeded) {
		reason = cmp.Or(reason, "the caller's time is up")
	}
	return res, &rollout.Error{Outcome: o, Subject: f.subject, Reason: reason, Next: next(o, res), Err: err}
}

// next is what to do after an outcome.
func next(o rollout.Outcome, res Result) string {
	before := cmp.Or(rollout.ShortName(res.Previous.TaskDefinition), "the version before")
	switch o {
	case rollout.RolledBack:
		return before + " runs as before; the stopped tasks' reasons and log say what to mend"
	case rollout.RollbackFailed:
		return "look at the service now, then roll back to " + before + " by hand"
	case rollout.Failed:
		if !res.Previous.Settled {
			return "nothing ran before that could be restored; mend it and deploy again"
		}
		return "nothing was rolled back; roll back to " + before + ", or mend it and deploy again"
	case rollout.Superseded:
		return "see who else deploys, then deploy again"
	case rollout.Stopped:
		return "deploy again, or roll back to " + before
	case rollout.TimedOut:
		return "the deployment goes on in ECS; look at status, wait longer, or roll back to " + before
	case rollout.Canceled:
		return "look at status, which says what runs; ECS ends the deployment without being watched"
	case rollout.Lost:
		return "the deployment goes on in ECS unwatched; renew access and look at status"
	default:
		return ""
	}
}
