package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// follower watches one deployment of one service.
type follower struct {
	s       Services
	req     rollRequest
	subject string
	timeout time.Duration

	view   View
	events *eventLog
	tasks  *taskLog
	line   string

	// candidates holds the service deployments that were there before; nil
	// when ECS would not list them, and then the list of deployments decides.
	candidates    map[string]bool
	since         time.Time
	mine          string
	identifyTries int
}

// maxIdentify is how often ECS is asked which service deployment is ours before
// the list of deployments has to do.
const maxIdentify = 20

func (s Services) newFollower(req rollRequest) *follower {
	f := &follower{
		s: s, req: req, subject: subject(req.cluster, req.service), timeout: req.timeout,
		events: newEventLog(req.before.Events),
		tasks:  newTaskLog(s, req.cluster, req.service, req.definition),
	}
	if f.timeout <= 0 {
		f.timeout = DefaultServiceTimeout
	}
	f.view.TaskDefinition = aws.ToString(req.definition.TaskDefinitionArn)
	for _, d := range req.before.Deployments {
		f.view.Before = append(f.view.Before, aws.ToString(d.Id))
		f.view.Fallback = f.view.Fallback || settled(req.before, d)
		if at := aws.ToTime(d.CreatedAt); f.since.IsZero() || !at.IsZero() && at.Before(f.since) {
			f.since = at
		}
	}
	return f
}

// join follows a deployment that was there before.
func (f *follower) join(id string) {
	f.view.Deployment = id
	f.view.Before = slices.DeleteFunc(f.view.Before, func(b string) bool { return b == id })
}

// remember lists the service deployments before the update, so that ours can
// be told from them without comparing clocks.
func (f *follower) remember(ctx context.Context) {
	list, err := f.list(ctx)
	if err != nil {
		f.s.Env.say("%s: cannot list its service deployments (%v), judging by its deployments alone", f.subject, err)
		return
	}
	f.candidates = map[string]bool{}
	for _, d := range list {
		f.candidates[aws.ToString(d.ServiceDeploymentArn)] = true
	}
}

// started takes the id of our deployment from the answer to the update.
func (f *follower) started(svc *types.Service) {
	if svc == nil {
		return
	}
	v := f.view
	v.Service = svc
	if p, ours := find(v); ours != nil && ours == p {
		f.view.Deployment = aws.ToString(ours.Id)
	}
}

// follow looks and waits until there is a verdict.
func (f *follower) follow(ctx context.Context, res ServiceResult) (ServiceResult, error) {
	poll := f.s.Env.Poll()
	var failingSince, missingSince time.Duration = -1, -1
	var lastErr error
	for {
		verdict, err := f.judge(ctx)
		res.Deployment, res.ServiceDeployment, res.Elapsed = f.view.Deployment, f.mine, poll.Elapsed()
		switch {
		case err == nil:
			poll.Answered()
			lastErr = nil
			f.narrate(ctx, verdict)
			if verdict.Outcome != "" {
				return f.end(ctx, res, verdict.Outcome, verdict.Reason, nil)
			}
			failingSince = since(verdict.Failing, failingSince, poll.Elapsed())
			missingSince = since(f.view.Service == nil, missingSince, poll.Elapsed())
			f.view.Failing = verdict.Failing
		case ctx.Err() != nil:
			return f.end(ctx, res, Canceled, "", ctx.Err())
		case Transient(err):
			poll.Failed()
			lastErr = err
			f.tell(fmt.Sprintf("no answer, trying again: %v", err))
		default:
			return f.end(ctx, res, Lost, "", err)
		}
		if poll.Elapsed() >= f.timeout {
			return f.end(ctx, res, TimedOut, fmt.Sprintf("no end after %s, last seen: %s", f.timeout, verdict.Reason), lastErr)
		}
		if err := poll.Wait(ctx); err != nil {
			return f.end(ctx, res, Canceled, "", err)
		}
		f.view.FailingFor, f.view.MissingFor = age(failingSince, poll.Elapsed()), age(missingSince, poll.Elapsed())
	}
}

// since keeps the moment at which a condition began to hold; -1 when it does
// not.
func since(holds bool, began, now time.Duration) time.Duration {
	switch {
	case !holds:
		return -1
	case began < 0:
		return now
	}
	return began
}

func age(began, now time.Duration) time.Duration {
	if began < 0 {
		return 0
	}
	return now - began
}

// judge looks once. The service's list of deployments is asked each time; ECS's
// record of our own service deployment only when the list shows something else
// than a rollout in progress, because then it decides.
func (f *follower) judge(ctx context.Context) (Verdict, error) {
	svc, err := f.s.look(ctx, f.req.cluster, f.req.service)
	if err != nil && !isCode(err, "ServiceNotFoundException") {
		return Verdict{}, err
	}
	f.view.Service, f.view.ServiceDeployment = svc, nil
	verdict := Evaluate(f.view)
	f.view.Deployment = verdict.Deployment
	if verdict.Outcome == "" && !verdict.Failing {
		return verdict, nil
	}
	sd, err := f.serviceDeployment(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if sd == nil {
		if f.candidates != nil && f.identifyTries < maxIdentify {
			verdict.Outcome = ""
		}
		return verdict, nil
	}
	f.view.ServiceDeployment = sd
	return Evaluate(f.view), nil
}

// serviceDeployment reads our own service deployment; nil when it is not known.
// Passing failures are errors, refusals only mean that it stays unknown.
func (f *follower) serviceDeployment(ctx context.Context) (*types.ServiceDeployment, error) {
	if f.candidates == nil || f.identifyTries >= maxIdentify && f.mine == "" {
		return nil, nil
	}
	if f.mine == "" {
		if err := f.identify(ctx); err != nil {
			return nil, f.giveUp(ctx, err)
		}
		if f.mine == "" {
			f.identifyTries++
			return nil, nil
		}
	}
	out, err := f.s.ECS.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{f.mine}})
	if err != nil {
		return nil, f.giveUp(ctx, err)
	}
	if len(out.ServiceDeployments) == 0 {
		f.identifyTries++
		if f.identifyTries >= maxIdentify {
			f.candidates = nil
		}
		return nil, nil
	}
	return &out.ServiceDeployments[0], nil
}

// giveUp passes on what is passing, and otherwise stops asking for service
// deployments.
func (f *follower) giveUp(ctx context.Context, err error) error {
	if ctx.Err() != nil || Transient(err) {
		return err
	}
	f.candidates = nil
	f.s.Env.say("%s: cannot read its service deployments (%v), judging by its deployments alone", f.subject, err)
	return nil
}

// identify finds our service deployment among those that were not there before:
// the one whose target revision runs our task definition. Where revisions
// cannot be read, a single new one is taken for ours.
func (f *follower) identify(ctx context.Context) error {
	list, err := f.list(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(d types.ServiceDeploymentBrief) bool {
		return f.candidates[aws.ToString(d.ServiceDeploymentArn)]
	})
	if len(list) == 0 {
		return nil
	}
	revisions := map[string]string{}
	var arns []string
	for _, d := range list {
		if arn := aws.ToString(d.TargetServiceRevisionArn); arn != "" {
			revisions[arn] = aws.ToString(d.ServiceDeploymentArn)
			arns = append(arns, arn)
		}
	}
	if len(arns) > 0 {
		out, err := f.s.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns[:min(len(arns), maxRevisions)]})
		switch {
		case err == nil && len(out.ServiceRevisions) > 0:
			for _, r := range out.ServiceRevisions {
				if aws.ToString(r.TaskDefinition) == f.view.TaskDefinition {
					f.mine = revisions[aws.ToString(r.ServiceRevisionArn)]
				}
			}
			return nil
		case err != nil && (ctx.Err() != nil || Transient(err) && f.identifyTries < maxIdentify/2):
			return err
		}
	}
	if len(list) == 1 {
		f.mine = aws.ToString(list[0].ServiceDeploymentArn)
	}
	return nil
}

// maxRevisions is the most that DescribeServiceRevisions takes at once.
const maxRevisions = 20

// list reads the service deployments since the oldest deployment that the
// service still shows; the time is ECS's own, so no clock is compared.
func (f *follower) list(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	in := &ecs.ListServiceDeploymentsInput{Cluster: aws.String(f.req.cluster), Service: aws.String(f.req.service), MaxResults: aws.Int32(100)}
	if !f.since.IsZero() {
		in.CreatedAt = &types.CreatedAt{After: aws.Time(f.since.Add(-time.Minute))}
	}
	var all []types.ServiceDeploymentBrief
	for {
		var out *ecs.ListServiceDeploymentsOutput
		err := f.s.retry(ctx, func() (err error) {
			out, err = f.s.ECS.ListServiceDeployments(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, out.ServiceDeployments...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// narrate tells what is new: events, the state when it changed, and, as soon as
// something fails, which task stopped and why.
func (f *follower) narrate(ctx context.Context, v Verdict) {
	alarming := v.Failing
	if f.view.Service != nil {
		for _, e := range f.events.add(f.view.Service.Events) {
			f.s.Env.say("%s: event: %s", f.subject, e)
			alarming = alarming || troubling(e)
		}
		if _, ours := find(f.view); ours != nil {
			alarming = alarming || ours.FailedTasks > 0
		}
	}
	if v.Reason != "" {
		f.tell(v.Reason)
	}
	if alarming {
		for _, line := range f.tasks.update(ctx, f.view.Deployment) {
			f.s.Env.say("%s: %s", f.subject, line)
		}
	}
}

// tell says a line unless it is the one said last.
func (f *follower) tell(line string) {
	if line != f.line {
		f.line = line
		f.s.Env.say("%s: %s", f.subject, line)
	}
}

// diagnoseTimeout bounds the gathering of what went wrong, which goes on when
// the caller has given up.
const diagnoseTimeout = 15 * time.Second

// end makes the result and the error of an outcome.
func (f *follower) end(ctx context.Context, res ServiceResult, o Outcome, reason string, err error) (ServiceResult, error) {
	res.Outcome, res.Reason = o, reason
	if o.OK() {
		f.s.Env.say("%s: %s runs after %s", f.subject, short(res.TaskDefinition), res.Elapsed.Round(100*time.Millisecond))
		return res, nil
	}
	if o != Canceled && o != Lost {
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
		defer cancel()
		f.tasks.update(dctx, f.view.Deployment)
	}
	res.Diagnosis = Diagnosis{Events: f.events.lines, Tasks: f.tasks.failures()}
	if errors.Is(err, context.DeadlineExceeded) {
		reason = orText(reason, "the caller's time is up")
	}
	return res, &Error{Outcome: o, Subject: f.subject, Reason: reason, Next: next(o, res), Err: err}
}

// next is what to do after an outcome.
func next(o Outcome, res ServiceResult) string {
	before := short(res.Previous.TaskDefinition)
	switch o {
	case RolledBack:
		return before + " runs as before; the stopped tasks' reasons and log say what to fix"
	case RollbackFailed:
		return "look at the service now, then deploy " + before + " again"
	case Failed:
		return "nothing was rolled back; restore " + before + " or fix and deploy again"
	case Superseded:
		return "see who else deploys, then deploy again"
	case Stopped:
		return "deploy again, or restore " + before
	case TimedOut:
		return "the deployment goes on in ECS; wait longer, or restore " + before
	case Canceled, Lost:
		return "the deployment goes on in ECS unwatched; check the service"
	}
	return ""
}
