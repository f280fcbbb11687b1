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

// report says what is new: events, the state when it changed, and, as soon as
// there is a sign of failure, which task stopped and why.
func (f *follower) report(ctx context.Context, v Verdict, elapsed time.Duration) {
	due := false
	if f.view.Service != nil {
		fresh := f.events.add(f.view.Service.Events)
		for _, e := range fresh {
			f.s.Env.Reportf("%s: event: %s", f.roll.subject, e)
		}
		_, ours := find(f.view)
		due = f.signs.due(ours, fresh, v.Failing, elapsed)
		f.failures.observe(f.view.Service, ours, time.Now().Add(f.skew))
	}
	if v.Reason != "" {
		f.say(v.Reason, elapsed)
	}
	if due || f.tasks.incomplete() {
		for _, line := range f.tasks.update(ctx, f.view.Deployment) {
			f.s.Env.Reportf("%s: %s", f.roll.subject, line)
		}
	}
}

// say reports a line with the time so far, unless it is the line reported last.
func (f *follower) say(line string, elapsed time.Duration) {
	if line != f.line {
		f.line = line
		f.s.Env.Reportf("%s: %s, after %s", f.roll.subject, line, elapsed.Round(100*time.Millisecond))
	}
}

// signs notices that tasks may be failing, so that stopped tasks are listed then
// and not at every poll. ECS's own count of failures is not enough: it stays 0 for
// tasks that start and crash later.
type signs struct {
	lastListed    time.Duration
	alive, failed int32
	started       int
	failing       bool
	// left is how many more listings the last sign asks for.
	left int
}

const (
	// listingsForSign is how many polls list stopped tasks after a sign: a task
	// that is being stopped ends a little later.
	listingsForSign = 3
	// listEvery is how often stopped tasks are listed without any sign as long as
	// tasks are missing.
	listEvery = time.Minute
)

// due reports whether stopped tasks should be listed now.
func (s *signs) due(ours *types.Deployment, events []string, failing bool, elapsed time.Duration) bool {
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
		s.left = listingsForSign
	}
	if s.left > 0 || missing && elapsed-s.lastListed >= listEvery {
		s.left = max(0, s.left-1)
		s.lastListed = elapsed
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
