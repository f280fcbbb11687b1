package ecs

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// narrate tells what is new: events, the state when it changed, and, as soon as
// there is a sign of failure, which task stopped and why.
func (f *follower) narrate(ctx context.Context, v Verdict, elapsed time.Duration) {
	alarming := false
	if f.view.Service != nil {
		fresh := f.events.add(f.view.Service.Events)
		for _, e := range fresh {
			f.s.Env.Reportf("%s: event: %s", f.subject, e)
		}
		_, ours := find(f.view)
		alarming = f.signs.look(ours, fresh, v.Failing, elapsed)
	}
	if v.Reason != "" {
		f.tell(v.Reason, elapsed)
	}
	if alarming || f.tasks.unsettled() {
		for _, line := range f.tasks.update(ctx, f.view.Deployment) {
			f.s.Env.Reportf("%s: %s", f.subject, line)
		}
	}
}

// tell says a line with the time so far, unless it is the line said last.
func (f *follower) tell(line string, elapsed time.Duration) {
	if line != f.line {
		f.line = line
		f.s.Env.Reportf("%s: %s, after %s", f.subject, line, elapsed.Round(100*time.Millisecond))
	}
}

// signs notices that tasks may be failing, so that stopped tasks are looked for
// then and not at every poll. ECS's own count of failures is not enough: it
// stays 0 for tasks that start and crash later.
type signs struct {
	lastLook      time.Duration
	alive, failed int32
	started       int
	failing       bool
	// due is how many more reads the last sign asks for.
	due int
}

const (
	// looksForSign is how many polls look for stopped tasks after a sign: a task
	// that was told to stop ends a little later.
	looksForSign = 3
	// lookEvery is how often stopped tasks are looked for without any sign as
	// long as tasks are missing.
	lookEvery = time.Minute
)

// look reports whether stopped tasks should be looked for now.
func (s *signs) look(ours *types.Deployment, events []string, failing bool, elapsed time.Duration) bool {
	sign, missing := failing && !s.failing, true
	s.failing = failing
	restarted := 0
	for _, e := range events {
		restarted += startedTasks(e)
		sign = sign || troubling(e)
	}
	s.started += restarted
	if ours != nil {
		alive := ours.RunningCount + ours.PendingCount
		sign = sign || ours.FailedTasks > s.failed || alive < s.alive || restarted > 0 && s.started > int(ours.DesiredCount)
		s.alive, s.failed = alive, ours.FailedTasks
		missing = ours.RunningCount < ours.DesiredCount
	}
	if sign {
		s.due = looksForSign
	}
	if s.due > 0 || missing && elapsed-s.lastLook >= lookEvery {
		s.due = max(0, s.due-1)
		s.lastLook = elapsed
		return true
	}
	return false
}

// startedForm is how an event says that tasks were started (Amazon ECS Developer
// Guide, "Amazon ECS service event messages": "has started N tasks").
var startedForm = regexp.MustCompile(`has started (\d+) tasks`)

func startedTasks(event string) int {
	m := startedForm.FindStringSubmatch(event)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// hopeless says why waiting has no point any more; empty while it has.
func (f *follower) hopeless(v Verdict) string {
	if f.braked != "" || v.Failing {
		return ""
	}
	failed := 0
	var last TaskFailure
	for _, t := range f.tasks.failures() {
		if !t.ownFault() {
			continue
		}
		if t.neverStarts() {
			return "a task that can never start: " + t.cause()
		}
		failed++
		last = t
	}
	if failed < f.req.follow.FailFast {
		return ""
	}
	return fmt.Sprintf("%d tasks of this deployment failed, the last one: %s", failed, last.cause())
}

// brake stops the deployment with a rollback. Where there is nothing to go back
// to, it stops nothing. Where ECS does not take it, the breaker is left to act.
func (f *follower) brake(ctx context.Context, why string) {
	if !f.view.Fallback {
		return
	}
	f.s.Env.Reportf("%s: not waiting any longer: %s", f.subject, why)
	f.braked = why
	if err := f.serviceDeployment.stop(ctx, f.view.TaskDefinition); err != nil {
		f.s.Env.Reportf("%s: ECS did not take the order to roll back (%v), waiting for its circuit breaker", f.subject, err)
	}
}

// percent is how far a deployment has come, or -1 where that means nothing.
func percent(d *types.Deployment) int {
	if d == nil || d.DesiredCount <= 0 {
		return -1
	}
	return min(100, int(100*d.RunningCount/d.DesiredCount))
}

// stage describes a service deployment under way: its lifecycle stage, the
// traffic it has, and a hook that holds it up.
func stage(sd *types.ServiceDeployment) string {
	s := fmt.Sprintf("service deployment %s", sd.Status)
	if sd.LifecycleStage != "" {
		s += fmt.Sprintf(", stage %s", sd.LifecycleStage)
	}
	if t := sd.TargetServiceRevision; t != nil && t.RequestedProductionTrafficWeight != nil {
		s += fmt.Sprintf(", %.0f %% of the traffic", *t.RequestedProductionTrafficWeight)
	}
	waiting := slices.IndexFunc(sd.LifecycleHookDetails, func(h types.DeploymentLifecycleHookDetail) bool {
		return h.Status == types.DeploymentLifecycleHookStatusAwaitingAction
	})
	if waiting >= 0 {
		h := sd.LifecycleHookDetails[waiting]
		s += fmt.Sprintf(", paused by hook %s until someone continues it or %s, when ECS will %s",
			aws.ToString(h.HookId), aws.ToTime(h.ExpiresAt).UTC().Format(time.RFC3339), cmp.Or(string(h.TimeoutAction), "decide"))
	}
	return s
}
