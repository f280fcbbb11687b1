package ecs

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The circuit breaker's default: half of the desired tasks, and between 3 and 200
// (API type ThresholdConfiguration).
const (
	defaultThresholdPercent = 50
	minThreshold            = 3
	maxThreshold            = 200
)

// failureThreshold is how many failed tasks the service's circuit breaker takes,
// by its own settings (API types DeploymentCircuitBreaker and
// ThresholdConfiguration): COUNT is the number itself, BOUNDED_PERCENT a share of
// the desired tasks between 3 and 200, UNBOUNDED_PERCENT such a share without
// bounds. A service whose breaker is off or not configured gets the default.
func failureThreshold(svc *types.Service) int {
	desired, kind, value := 0, types.ThresholdTypeBoundedPercent, defaultThresholdPercent
	if svc != nil {
		desired = int(svc.DesiredCount)
		if t := threshold(svc); t != nil {
			kind, value = t.Type, int(t.Value)
		}
	}
	share := (value*desired + 99) / 100
	switch kind {
	case types.ThresholdTypeCount:
		return max(1, value)
	case types.ThresholdTypeUnboundedPercent:
		return max(1, share)
	default:
		return min(max(share, minThreshold), maxThreshold)
	}
}

// threshold is what the service's circuit breaker is set to; nil for the default.
func threshold(svc *types.Service) *types.ThresholdConfiguration {
	if !breaks(svc) {
		return nil
	}
	return svc.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration
}

// resets reports whether a healthy task sets the circuit breaker's count back, as
// it does by default (API type DeploymentCircuitBreaker).
func resets(svc *types.Service) bool {
	if !breaks(svc) {
		return true
	}
	reset := svc.DeploymentConfiguration.DeploymentCircuitBreaker.ResetOnHealthyTask
	return reset == nil || *reset
}

// failureCount counts failed tasks as the circuit breaker does. A task counts as
// healthy when it makes more tasks of the deployment run than ever before, and
// they still do at the next read: a task that crashes and is replaced never does.
type failureCount struct {
	// from is when the last healthy task came, by ECS's clock: failures before it do
	// not count.
	from time.Time
	// most is the largest number of running tasks that held; risen is one that has
	// yet to hold, read at the time since.
	most, risen int32
	since       time.Time
}

// observe takes note of how many tasks of our deployment run; now is ECS's time.
func (c *failureCount) observe(svc *types.Service, ours *types.Deployment, now time.Time) {
	if ours == nil {
		return
	}
	if held := min(c.risen, ours.RunningCount); held > c.most {
		c.most = held
		if resets(svc) {
			c.from = c.since
		}
	}
	if ours.RunningCount > c.risen || ours.RunningCount < c.most {
		c.since = now
	}
	c.risen = ours.RunningCount
}

// counts reports whether a failure counts.
func (c *failureCount) counts(t TaskFailure) bool {
	return t.StoppedAt.IsZero() || !t.StoppedAt.Before(c.from)
}

// passingSpan is how long failures that may pass by themselves have to last before
// they count: a role or secret that was just made, a registry or capacity that
// cannot be had for a while.
const passingSpan = 3 * time.Minute

// hopeless says why waiting has no point any more; empty while it has.
func (f *follower) hopeless(v Verdict) string {
	if v.Failing {
		return ""
	}
	var own []TaskFailure
	for _, t := range f.tasks.failures() {
		if !t.ownFault() {
			continue
		}
		if t.neverStarts() {
			return "a task that can never start: " + t.cause()
		}
		if f.failures.counts(t) {
			own = append(own, t)
		}
	}
	limit := f.roll.follow.FailFast
	if limit <= 0 {
		limit = failureThreshold(f.view.Service)
	}
	if len(own) < limit {
		return ""
	}
	crashes := 0
	for _, t := range own {
		if !t.mayPass() {
			crashes++
		}
	}
	if crashes < limit && own[len(own)-1].StoppedAt.Sub(own[0].StoppedAt) < passingSpan {
		return ""
	}
	return fmt.Sprintf("%d tasks of this deployment failed, the last one: %s", len(own), own[len(own)-1].cause())
}

// percent is how far a deployment has come, or -1 where that means nothing.
func percent(d *types.Deployment) int {
	if d == nil || d.DesiredCount <= 0 {
		return -1
	}
	return min(100, int(100*d.RunningCount/d.DesiredCount))
}

// counts says how many tasks of a deployment run.
func counts(d *types.Deployment) string {
	s := fmt.Sprintf("%d of %d running, %d pending, %d failed", d.RunningCount, d.DesiredCount, d.PendingCount, d.FailedTasks)
	if p := percent(d); p >= 0 {
		s += fmt.Sprintf(", %d %%", p)
	}
	return s
}
