package rollout

import (
	"fmt"
	"slices"
	"time"
)

const (
	maxEvents       = 100
	keepStopped     = time.Hour
	keepStoppedMax  = 100
	firstDelay      = 200 * time.Millisecond
	maxDelay        = 10 * time.Second
	maxPullDelay    = 2 * time.Second
	unstableAfter   = 3
	keepDeployments = 50
)

// Deploy makes revision the primary deployment.
func (s *Service) Deploy(now time.Time, revision Revision, origin Origin) *Deployment {
	var sources []Revision
	for _, d := range s.Deployments {
		sources = append(sources, d.Revision)
		if d.Status == Primary {
			d.Status = Active
			d.UpdatedAt = now
		}
		if sd := s.serviceDeploymentOf(d.ID); sd != nil {
			s.finish(now, sd, StatusStopped, "The deployment was superseded by a newer one.")
			sd.StoppedAt = now
		}
	}
	d := s.add(now, revision, origin)
	sd := &ServiceDeployment{
		ID: s.newID("service-deployment"), Deployment: d.ID, Status: StatusPending, Target: revision, Sources: sources,
		Breaker: s.Breaker, Desired: s.Desired, CreatedAt: now, UpdatedAt: now,
	}
	s.ServiceDeployments = append([]*ServiceDeployment{sd}, s.ServiceDeployments...)
	if len(s.ServiceDeployments) > keepDeployments {
		s.ServiceDeployments = s.ServiceDeployments[:keepDeployments]
	}
	return d
}

func (s *Service) add(now time.Time, revision Revision, origin Origin) *Deployment {
	d := &Deployment{
		ID: s.newID("deployment"), Status: Primary, State: InProgress, Origin: origin, Revision: revision,
		CreatedAt: now, UpdatedAt: now,
	}
	d.Reason = fmt.Sprintf("ECS deployment %s in progress.", d.ID)
	s.Deployments = append([]*Deployment{d}, s.Deployments...)
	s.steady = false
	return d
}

// Scale changes the desired count.
func (s *Service) Scale(now time.Time, desired int) {
	if desired == s.Desired {
		return
	}
	s.Desired = desired
	s.steady = false
	if p := s.Primary(); p != nil {
		p.UpdatedAt = now
	}
	if len(s.ServiceDeployments) > 0 && !s.ServiceDeployments[0].Done() {
		s.ServiceDeployments[0].Desired = desired
	}
}

// StopDeployment ends an unfinished service deployment, going back to the last
// completed one if rollback is set and there is one. It says whether it could.
func (s *Service) StopDeployment(now time.Time, id string, rollback bool) bool {
	for _, sd := range s.ServiceDeployments {
		if sd.ID != id {
			continue
		}
		if sd.Status != StatusPending && sd.Status != StatusInProgress {
			return false
		}
		d := s.deployment(sd.Deployment)
		if d == nil {
			return false
		}
		d.State, d.UpdatedAt = Failed, now
		d.Reason = "Service deployment stopped by user."
		if rollback && s.lastCompleted != nil {
			sd.Status, sd.UpdatedAt, sd.Reason = StatusStopRequested, now, d.Reason
			return true
		}
		s.finish(now, sd, StatusStopped, d.Reason)
		sd.StoppedAt = now
		return true
	}
	return false
}

// StopTask stops one task because a user said so.
func (s *Service) StopTask(now time.Time, id, reason string) []Command {
	t := s.task(id)
	if t == nil || t.State >= Stopping {
		return nil
	}
	return []Command{s.stop(now, t, "UserInitiated", reason)}
}

// Delete makes the service stop all its tasks and start none.
func (s *Service) Delete(now time.Time) {
	s.Deleted = true
	s.Desired = 0
	for _, sd := range s.ServiceDeployments {
		if !sd.Done() {
			s.finish(now, sd, StatusStopped, "The service was deleted.")
			sd.StoppedAt = now
		}
	}
}

// Step brings the service up to now and says what to start and stop.
func (s *Service) Step(now time.Time) []Command {
	s.forget(now)
	s.advance(now)
	s.trip(now)
	var commands []Command
	for _, t := range s.surplus() {
		commands = append(commands, s.stop(now, t, "ServiceSchedulerInitiated",
			fmt.Sprintf("Scaling activity initiated by (deployment %s)", t.Deployment)))
	}
	commands = append(commands, s.launch(now)...)
	s.complete(now)
	return commands
}

// advance moves service deployments that were only asked for.
func (s *Service) advance(now time.Time) {
	for _, sd := range s.ServiceDeployments {
		switch sd.Status {
		case StatusPending:
			sd.Status, sd.StartedAt, sd.UpdatedAt = StatusInProgress, now, now
		case StatusStopRequested:
			s.rollback(now, sd, sd.Reason)
		}
	}
}

// trip fails the primary deployment when it has failed too often.
func (s *Service) trip(now time.Time) {
	p := s.Primary()
	if p == nil || p.State != InProgress || !s.Breaker.Enable || s.Desired == 0 {
		return
	}
	if p.Failed < s.Breaker.Threshold(s.Desired) {
		return
	}
	p.State, p.UpdatedAt = Failed, now
	p.Reason = "ECS deployment circuit breaker: tasks failed to start."
	s.say(now, "(service %s) (deployment %s) deployment failed: tasks failed to start.", s.Name, p.ID)
	sd := s.serviceDeploymentOf(p.ID)
	if sd == nil {
		return
	}
	sd.Tripped, sd.Failures = true, p.Failed
	switch {
	case p.Origin == ByRollback:
		s.finish(now, sd, StatusRollbackFailed, p.Reason)
	case s.Breaker.Rollback && s.lastCompleted != nil:
		s.rollback(now, sd, "ECS deployment circuit breaker: tasks failed to start.")
	default:
		s.finish(now, sd, StatusStopped, p.Reason)
		sd.StoppedAt = now
	}
}

// rollback makes the last completed revision primary again and lets it keep
// the tasks it still has.
func (s *Service) rollback(now time.Time, sd *ServiceDeployment, reason string) {
	target := s.lastCompleted
	for _, d := range s.Deployments {
		d.Status = Active
	}
	s.say(now, "(service %s) rolling back to deployment %s.", s.Name, target.ID)
	d := s.add(now, target.Revision, ByRollback)
	d.Reason = fmt.Sprintf("ECS deployment circuit breaker: rolling back to deploymentId %s.", target.ID)
	for _, t := range s.Tasks {
		if t.Revision.ID == target.Revision.ID && t.State < Stopping {
			t.Deployment = d.ID
		}
	}
	sd.Status, sd.UpdatedAt = StatusRollbackInProgress, now
	sd.Reason = reason
	sd.RollbackReason, sd.RollbackAt, sd.RollbackTo = reason, now, target.Revision
	sd.rollbackBy = d.ID
}

// surplus lists the tasks that may go now.
func (s *Service) surplus() []*Task {
	primary := s.Primary()
	var gone []*Task
	healthy, _ := s.Counts("")
	lower := s.LowerBound()
	take := func(t *Task) {
		if t.State == Running {
			healthy--
		}
		gone = append(gone, t)
	}
	// More tasks than wanted: the unhealthy first, then the youngest.
	if primary != nil {
		own := s.live(primary.ID)
		for len(own) > s.Desired {
			i := slices.IndexFunc(own, func(t *Task) bool { return t.State != Running })
			if i < 0 {
				i = len(own) - 1
			}
			take(own[i])
			own = slices.Delete(own, i, i+1)
		}
		if primary.State == Failed {
			for _, t := range own {
				if t.State != Running {
					take(t)
				}
			}
			return gone
		}
	}
	for _, t := range s.Tasks {
		if t.State >= Stopping || primary != nil && t.Deployment == primary.ID {
			continue
		}
		if t.State != Running || s.Deleted || healthy-1 >= lower {
			take(t)
		}
	}
	return gone
}

// launch starts the tasks that the primary deployment lacks and may have.
func (s *Service) launch(now time.Time) []Command {
	p := s.Primary()
	if p == nil || s.Deleted || p.State == Failed || now.Before(p.nextStart) {
		return nil
	}
	var commands []Command
	missing := s.Desired - len(s.live(p.ID))
	room := s.UpperBound() - len(s.live(""))
	for range min(missing, room) {
		t := &Task{
			ID: s.newID("task"), Deployment: p.ID, StartedBy: p.ID, Revision: p.Revision, State: Pending, Health: "UNKNOWN", CreatedAt: now,
		}
		s.Tasks = append(s.Tasks, t)
		s.steady = false
		commands = append(commands, Command{Start: t})
	}
	return commands
}

// complete ends rollouts that have nothing left to do.
func (s *Service) complete(now time.Time) {
	p := s.Primary()
	s.Deployments = slices.DeleteFunc(s.Deployments, func(d *Deployment) bool {
		return d.Status == Active && !s.hasTasks(d.ID)
	})
	if p == nil || p.State == Failed || s.Deleted {
		return
	}
	running, pending := s.Counts(p.ID)
	if running != s.Desired || pending != 0 || len(s.Deployments) != 1 {
		return
	}
	if p.State == InProgress {
		p.State, p.UpdatedAt = Completed, now
		p.Reason = fmt.Sprintf("ECS deployment %s completed.", p.ID)
		s.lastCompleted = p
		s.say(now, "(service %s) (deployment %s) deployment completed.", s.Name, p.ID)
		if sd := s.serviceDeploymentOf(p.ID); sd != nil {
			if p.Origin == ByRollback {
				s.finish(now, sd, StatusRollbackSuccessful, sd.Reason)
			} else {
				s.finish(now, sd, StatusSuccessful, "")
			}
		}
	}
	if !s.steady {
		s.steady = true
		s.say(now, "(service %s) has reached a steady state.", s.Name)
	}
}

func (s *Service) finish(now time.Time, sd *ServiceDeployment, status Status, reason string) {
	if d := s.deployment(sd.Deployment); d != nil {
		sd.Failures = max(sd.Failures, d.Failed)
	}
	sd.Status, sd.Reason, sd.UpdatedAt, sd.FinishedAt = status, reason, now, now
}

func (s *Service) stop(now time.Time, t *Task, code, reason string) Command {
	t.State, t.StoppingAt = Stopping, now
	t.StopCode, t.StoppedReason = code, reason
	s.say(now, "(service %s) has stopped 1 running tasks: (task %s).", s.Name, t.ID)
	return Command{Stop: t, Reason: reason}
}

// live lists the tasks of a deployment, or of all for "", that are not on their way out.
func (s *Service) live(deployment string) []*Task {
	var live []*Task
	for _, t := range s.Tasks {
		if t.State < Stopping && (deployment == "" || t.Deployment == deployment) {
			live = append(live, t)
		}
	}
	return live
}

func (s *Service) hasTasks(deployment string) bool {
	return slices.ContainsFunc(s.Tasks, func(t *Task) bool { return t.Deployment == deployment && t.State != Stopped })
}

// forget drops stopped tasks after an hour, as ECS does, and the oldest beyond a number.
func (s *Service) forget(now time.Time) {
	stopped := 0
	for _, t := range s.Tasks {
		if t.State == Stopped {
			stopped++
		}
	}
	s.Tasks = slices.DeleteFunc(s.Tasks, func(t *Task) bool {
		if t.State != Stopped {
			return false
		}
		if stopped > keepStoppedMax || now.Sub(t.StoppedAt) > keepStopped {
			stopped--
			return true
		}
		return false
	})
}

func (s *Service) say(now time.Time, format string, args ...any) {
	s.Events = append([]Event{{ID: s.newID("event"), At: now, Message: fmt.Sprintf(format, args...)}}, s.Events...)
	if len(s.Events) > maxEvents {
		s.Events = s.Events[:maxEvents]
	}
}
