package scheduler

import (
	"math"
	"time"
)

const (
	firstDelay    = 200 * time.Millisecond
	maxDelay      = 10 * time.Second
	maxPullDelay  = 2 * time.Second
	unstableAfter = 3
)

// Observation is something that happened to a task.
type Observation struct {
	Kind Kind
	// Reason is for a failure, as AWS words it.
	Reason string
	// Code is the stop code of a failure.
	Code string
	// Containers, when not nil, replaces what is known of the containers.
	Containers []Container
}

// Kind tells observations apart.
type Kind int

// The kinds of observation.
const (
	Pulled    Kind = iota // the images are there
	Launched              // the processes are started
	Ready                 // all health checks pass
	Unhealthy             // a health check has failed for good
	Note                  // only the containers have changed
	Ended                 // nothing of the task is left
)

// Observe takes in what happened to a task. An unhealthy task is to be stopped:
// the command says so.
func (s *Service) Observe(now time.Time, id string, o Observation) []Command {
	t := s.task(id)
	if t == nil || t.State == Stopped {
		return nil
	}
	if o.Containers != nil {
		t.Containers = o.Containers
	}
	switch o.Kind {
	case Pulled:
		t.PulledAt = now
	case Launched:
		if t.State == Pending {
			t.State, t.StartedAt = Activating, now
			s.say(now, "(service %s) has started 1 tasks: (task %s).", s.Name, t.ID)
		}
	case Ready:
		s.ready(now, t)
	case Unhealthy:
		if t.State < Stopping {
			t.Health = "UNHEALTHY"
			s.say(now, "(service %s) (task %s) failed: %s", s.Name, t.ID, o.Reason)
			s.failed(now, t)
			return []Command{s.stop(now, t, "ServiceSchedulerInitiated", o.Reason)}
		}
	case Ended:
		s.ended(now, t, o)
	case Note: // the containers were all there is to it
	}
	return nil
}

func (s *Service) ready(now time.Time, t *Task) {
	if t.State != Activating {
		return
	}
	t.State, t.Health, t.WasReady = Running, "HEALTHY", true
	d := s.deployment(t.Deployment)
	if d == nil {
		return
	}
	d.launches, d.nextStart, d.complained = 0, time.Time{}, complained{}
	d.UpdatedAt = now
	if !s.Breaker.KeepCount {
		s.setFailed(d, 0)
	}
}

func (s *Service) ended(now time.Time, t *Task, o Observation) {
	asked := t.State == Stopping
	neverStarted := t.State == Pending
	t.State, t.StoppedAt = Stopped, now
	if t.StoppingAt.IsZero() {
		t.StoppingAt = now
	}
	if asked {
		return
	}
	t.StopCode, t.StoppedReason = o.Code, o.Reason
	if neverStarted {
		s.placementFailed(now, t, o.Reason)
		return
	}
	s.failed(now, t)
}

// placementFailed notes a task that could not be started at all. Before a
// service has ever run, its image may simply not be pushed yet: then it is
// tried again quietly.
func (s *Service) placementFailed(now time.Time, t *Task, reason string) {
	d := s.deployment(t.Deployment)
	if d == nil {
		return
	}
	if d.placement != reason {
		d.placement = reason
		s.say(now, "(service %s) was unable to place a task. Reason: %s.", s.Name, reason)
	}
	if d.Origin == ByCreate && s.lastCompleted == nil {
		s.delay(now, d, maxPullDelay)
		return
	}
	s.count(now, d)
}

func (s *Service) failed(now time.Time, t *Task) {
	d := s.deployment(t.Deployment)
	if d == nil {
		return
	}
	if t.WasReady && t.Health != "UNHEALTHY" {
		// It had come up: a crash later is not a failed launch.
		s.delay(now, d, maxDelay)
		return
	}
	s.count(now, d)
}

func (s *Service) count(now time.Time, d *Deployment) {
	if d.State == InProgress {
		s.setFailed(d, d.Failed+1)
	}
	d.UpdatedAt = now
	s.delay(now, d, maxDelay)
	if d.launches >= unstableAfter && !d.unstable {
		d.unstable = true
		s.say(now, "(service %s) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.", s.Name)
	}
}

// setFailed counts failures, for a rollback apart from those that caused it.
func (s *Service) setFailed(d *Deployment, count int) {
	d.Failed = count
	if sd := s.serviceDeploymentOf(d.ID); sd != nil && sd.Deployment == d.ID {
		sd.Failures = count
	}
}

// delay holds the next launch back, twice as long after each failure.
func (s *Service) delay(now time.Time, d *Deployment, longest time.Duration) {
	wait := min(time.Duration(float64(firstDelay)*math.Pow(2, float64(min(d.launches, 10)))), longest)
	d.launches++
	d.nextStart = now.Add(wait)
}
