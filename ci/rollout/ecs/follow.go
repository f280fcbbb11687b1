package ecs

import (
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
	s    Services
	roll *roll

	view              View
	serviceDeployment *serviceDeployment
	events            *eventLog
	tasks             *taskLog
	signs             signs
	failures          failureCount
	order             rollbackOrder
	line              string

	// skew is what ECS's clock is ahead of this machine's.
	skew time.Duration
	// updated is true once ECS has accepted our update.
	updated bool
	// shown is true when the answer to the update showed our deployment, so that
	// the first read can wait.
	shown bool
	// listed is what the service's list of deployments alone said last.
	listed rollout.Outcome
	// unread is true when the last read of the service deployment failed.
	unread bool
	// unchanged counts reads in a row that gave the same summary.
	unchanged int
	summary   string
}

func (r *roll) follower() *follower {
	f := &follower{
		s: r.s, roll: r, serviceDeployment: r.serviceDeployment(),
		events: newEventLog(r.before.Events), tasks: newTaskLog(r.s, r.cluster, r.service, r.definition),
	}
	f.view = r.view()
	return f
}

// view is what is known of a deployment before the first answer.
func (r *roll) view() View {
	v := View{TaskDefinition: aws.ToString(r.definition.TaskDefinitionArn)}
	for _, d := range r.before.Deployments {
		v.Before = append(v.Before, aws.ToString(d.Id))
		if completed(r.before, d) {
			v.Fallback = append(v.Fallback, aws.ToString(d.TaskDefinition))
		}
	}
	return v
}

// join follows a deployment that was there before.
func (f *follower) join(id string) {
	f.view.Deployment, f.view.Shown = id, true
	f.view.Before = slices.DeleteFunc(f.view.Before, func(b string) bool { return b == id })
	if p := primaryOf(f.roll.before); p != nil {
		f.serviceDeployment.notBefore = aws.ToTime(p.CreatedAt)
	}
	f.serviceDeployment.joined = true
	f.serviceDeployment.suggest(&f.roll.before)
}

// started takes the id of our deployment from the answer to the update.
func (f *follower) started(svc *types.Service) {
	if svc == nil {
		return
	}
	v := f.view
	v.Service = svc
	if p, ours := find(v); ours != nil && ours == p {
		f.view.Deployment, f.shown, f.view.Shown = aws.ToString(ours.Id), true, true
		if ours.CreatedAt != nil {
			f.skew = time.Until(*ours.CreatedAt)
		}
		f.serviceDeployment.notBefore = aws.ToTime(ours.CreatedAt)
		f.serviceDeployment.suggest(svc)
	}
}

// follow asks and waits until there is a verdict or the time is up. The time
// bounds each call too.
func (f *follower) follow(ctx context.Context, res Result) (Result, error) {
	limited, stop := context.WithTimeout(ctx, f.roll.follow.Timeout)
	defer stop()
	loop := f.s.Env.Start()
	var since stopwatches
	var verdict Verdict
	var lastErr error
	if f.shown {
		if err := loop.Wait(limited); err != nil && ctx.Err() != nil {
			return f.canceled(ctx, res)
		}
	}
	for {
		judged, err := f.judge(limited, loop)
		res.Deployment, res.ServiceDeployment, res.Elapsed = f.view.Deployment, f.serviceDeployment.arn, loop.Elapsed()
		lastErr = err
		switch {
		case err == nil:
			loop.Answered()
			verdict = judged
			f.report(limited, verdict, loop.Elapsed())
			if verdict.Outcome != "" {
				return f.end(ctx, res, verdictEnd{outcome: verdict.Outcome, reason: verdict.Reason, ended: true})
			}
			since.note(f, verdict, loop.Elapsed())
			if end := f.act(limited, verdict, loop.Elapsed()); end != nil {
				return f.end(ctx, res, *end)
			}
		case ctx.Err() != nil:
			return f.canceled(ctx, res)
		case limited.Err() != nil:
		case poll.Transient(err):
			loop.Failed()
			f.say(fmt.Sprintf("no answer, trying again: %v", err), loop.Elapsed())
		default:
			return f.end(ctx, res, verdictEnd{outcome: rollout.Lost, err: err})
		}
		if limited.Err() == nil && loop.Elapsed() < f.roll.follow.Timeout {
			_ = loop.Wait(limited) // whose end it was is asked below
		}
		if ctx.Err() != nil {
			return f.canceled(ctx, res)
		}
		if limited.Err() != nil || loop.Elapsed() >= f.roll.follow.Timeout {
			res.Elapsed = loop.Elapsed()
			return f.end(ctx, res, verdictEnd{
				outcome: rollout.TimedOut, reason: fmt.Sprintf("no end after %s, last seen: %s", f.roll.follow.Timeout, verdict.Reason), err: lastErr,
			})
		}
		since.age(&f.view, loop.Elapsed())
	}
}

// act stops a deployment that has no hope, and gives that order again as long as
// ECS has not taken it. It returns how the watch ends, if it does.
func (f *follower) act(ctx context.Context, verdict Verdict, elapsed time.Duration) *verdictEnd {
	if why := f.hopeless(verdict); why != "" && f.order.reason == "" && f.order.barred == nil {
		if end := f.abandon(ctx, why); end != nil {
			return end
		}
	}
	if !f.order.due(elapsed) || verdict.Failing {
		return nil
	}
	f.giveOrder(ctx, elapsed)
	if f.order.refusals >= 2 && !breaks(f.view.Service) {
		return &verdictEnd{outcome: rollout.Failed, reason: fmt.Sprintf("%s; it goes on, because ECS does not take the order to roll back: %v", f.order.reason, f.order.refused)}
	}
	return nil
}

// abandon decides what to do about a deployment without hope: to order a rollback,
// to leave that to ECS's circuit breaker, or to end the watch.
func (f *follower) abandon(ctx context.Context, why string) *verdictEnd {
	if f.completed() {
		return &verdictEnd{outcome: rollout.Failed, reason: "the deployment completed, and then " + why, ended: true}
	}
	if len(f.view.Fallback) == 0 {
		return &verdictEnd{outcome: rollout.Failed, reason: why}
	}
	if f.roll.mayRollBack != nil {
		if err := f.roll.mayRollBack(ctx); err != nil {
			f.order.barred = err
			f.s.Env.Reportf("%s: %s; it is not rolled back: %v", f.roll.subject, why, err)
			if breaks(f.view.Service) {
				return nil
			}
			return &verdictEnd{outcome: rollout.Failed, reason: fmt.Sprintf("%s; it is not rolled back: %v", why, err)}
		}
	}
	f.s.Env.Reportf("%s: not waiting any longer: %s", f.roll.subject, why)
	f.order.reason = why
	return nil
}

// completed reports whether ECS calls our deployment completed, so that there is
// nothing to stop.
func (f *follower) completed() bool {
	if f.view.Service == nil {
		return false
	}
	_, ours := find(f.view)
	return ours != nil && ours.RolloutState == types.DeploymentRolloutStateCompleted
}

// breaks reports whether ECS's circuit breaker watches the service.
func breaks(svc *types.Service) bool {
	if svc == nil || svc.DeploymentConfiguration == nil {
		return false
	}
	b := svc.DeploymentConfiguration.DeploymentCircuitBreaker
	return b != nil && b.Enable
}

// judge asks once. The service's list of deployments is asked each time; ECS's
// account of our own service deployment where the list shows something else than
// a rolling update in progress, because then that account decides.
func (f *follower) judge(ctx context.Context, loop *poll.Loop) (Verdict, error) {
	if f.view.Service != nil && f.serviceDeployment.arn != "" && shifting(f.view.Service) {
		sd, err := f.serviceDeployment.read(ctx)
		if err != nil {
			return Verdict{}, err
		}
		if f.unmoved(sd) {
			f.view.ServiceDeployment = sd
			return Evaluate(f.view), nil
		}
		return f.judgeService(ctx, loop, sd)
	}
	return f.judgeService(ctx, loop, nil)
}

// maxUnchanged is how many reads in a row may do with the service deployment
// alone.
const maxUnchanged = 2

// unmoved reports whether a service deployment under way says what it said
// before, so that the service need not be asked as well. It need, now and then,
// for its events.
func (f *follower) unmoved(sd *types.ServiceDeployment) bool {
	if sd == nil || sd.Status != types.ServiceDeploymentStatusInProgress || sd.TargetServiceRevision == nil || f.order.reason != "" {
		return false
	}
	t := sd.TargetServiceRevision
	now := fmt.Sprint(stage(sd), t.RunningTaskCount, t.PendingTaskCount, t.RequestedTaskCount)
	if b := sd.DeploymentCircuitBreaker; b != nil {
		now += fmt.Sprint(" ", b.FailureCount)
	}
	if now != f.summary || f.unchanged >= maxUnchanged {
		f.summary, f.unchanged = now, 0
		return false
	}
	f.unchanged++
	return true
}

// judgeService reads the service, and the service deployment unless that was
// read.
func (f *follower) judgeService(ctx context.Context, loop *poll.Loop, sd *types.ServiceDeployment) (Verdict, error) {
	var svc *types.Service
	err := loop.Call(ctx, func(ctx context.Context) (err error) {
		svc, err = f.s.describeService(ctx, f.roll.cluster, f.roll.service)
		return err
	})
	if err != nil && !poll.IsCode(err, "ServiceNotFoundException") {
		return Verdict{}, err
	}
	f.view.Service, f.view.ServiceDeployment = svc, nil
	verdict := Evaluate(f.view)
	f.view.Deployment, f.listed = verdict.Deployment, verdict.Outcome
	if svc != nil {
		if p, ours := find(f.view); ours != nil {
			f.view.Shown = true
			f.serviceDeployment.notBefore = aws.ToTime(ours.CreatedAt)
			if ours == p {
				f.serviceDeployment.suggest(svc)
			}
		}
	}
	if verdict.Outcome == "" && !verdict.Failing && f.order.reason == "" && !shifting(svc) {
		return verdict, nil
	}
	enough := !shifting(svc) && verdict.Outcome != "" && f.view.ListedFor >= unknownGrace(verdict.Outcome)
	if enough && f.unread {
		return verdict, nil
	}
	if sd == nil {
		sd, err = f.serviceDeployment.read(ctx)
		f.unread = err != nil
		if err != nil && (shifting(svc) || ctx.Err() != nil || !poll.Transient(err)) {
			return Verdict{}, err
		}
	}
	switch {
	case sd != nil:
		f.view.ServiceDeployment = sd
		return Evaluate(f.view), nil
	case f.serviceDeployment.refused, f.serviceDeployment.silent():
		return verdict, nil
	case f.serviceDeployment.arn == "" && !f.serviceDeployment.searching():
		return verdict, nil
	case enough:
		// What the service says of a rolling update has to do.
		return verdict, nil
	}
	verdict.Outcome = ""
	return verdict, nil
}

// unknownGrace is how long the end that the service shows of a rolling update may
// lack a service deployment that shows it too.
func unknownGrace(o rollout.Outcome) time.Duration {
	if o == rollout.Completed {
		return 4 * time.Second
	}
	return disagreementGrace
}

// shifting reports whether the service moves its traffic in stages, which only
// the service deployment shows.
func shifting(svc *types.Service) bool {
	if svc == nil || svc.DeploymentConfiguration == nil {
		return false
	}
	s := svc.DeploymentConfiguration.Strategy
	return s != "" && s != types.DeploymentStrategyRolling
}

// diagnoseTimeout bounds the gathering of what went wrong, which goes on when
// the caller has given up; cancelTimeout is what a canceled caller waits.
const (
	diagnoseTimeout = 15 * time.Second
	cancelTimeout   = 1500 * time.Millisecond
)

// canceled ends the watch by the policy that the caller chose.
func (f *follower) canceled(ctx context.Context, res Result) (Result, error) {
	end := verdictEnd{outcome: rollout.Canceled, reason: "the deployment was left running", err: ctx.Err()}
	if !f.updated {
		end.reason = "the order to deploy was sent, and whether ECS took it is not known"
		f.roll.changes.Add("update of the service sent, and whether ECS took it is not known")
	}
	if f.roll.follow.OnCancel != RollBack || f.order.reason != "" {
		return f.end(ctx, res, end)
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	if f.roll.mayRollBack != nil {
		if err := f.roll.mayRollBack(brief); err != nil {
			end.reason = fmt.Sprintf("%s and not rolled back: %v", end.reason, err)
			return f.end(ctx, res, end)
		}
	}
	if err := f.serviceDeployment.stopBriefly(brief); err != nil {
		end.reason = fmt.Sprintf("%s, ECS could not be asked to roll it back (%v)", end.reason, err)
		return f.end(ctx, res, end)
	}
	f.roll.changes.Add("rollback ordered")
	end.reason = "ECS was asked to roll the deployment back"
	return f.end(ctx, res, end)
}

// verdictEnd is how a watch ends.
type verdictEnd struct {
	outcome rollout.Outcome
	reason  string
	// ended is true when nothing is under way any more.
	ended bool
	err   error
}

// end makes the result and the error of an outcome.
func (f *follower) end(ctx context.Context, res Result, e verdictEnd) (Result, error) {
	if f.order.reason != "" && !e.outcome.OK() {
		if e.outcome == rollout.Stopped {
			e.outcome = rollout.Failed
		}
		switch {
		case e.outcome == rollout.TimedOut:
			e.reason = f.order.reason + "; the way back: " + e.reason
		case e.outcome != rollout.Failed || e.ended:
			e.reason = f.order.reason
		}
	}
	if e.outcome == rollout.Completed && f.view.Service != nil && f.view.Service.DesiredCount == 0 {
		e.reason = noTasks
	}
	res.Outcome, res.Reason, res.Ended, res.Changed = e.outcome, e.reason, e.ended, f.roll.changes.List()
	if e.outcome.OK() {
		f.s.Env.Reportf("%s: %s runs after %s %s", f.roll.subject, rollout.ShortName(res.TaskDefinition), res.Elapsed.Round(100*time.Millisecond), e.reason)
		return res, nil
	}
	if e.outcome != rollout.Canceled && e.outcome != rollout.Lost {
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
		defer cancel()
		f.tasks.update(dctx, f.view.Deployment)
	}
	res.Diagnosis = Diagnosis{Events: f.events.lines, Tasks: f.tasks.failures()}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && e.reason == "" {
		e.reason = "the caller's time is up"
	}
	return res, &rollout.Error{
		Outcome: e.outcome, Subject: f.roll.subject, Reason: e.reason, Changed: res.Changed, Next: next(e, res), Err: e.err,
	}
}
