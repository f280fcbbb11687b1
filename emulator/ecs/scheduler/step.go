package scheduler

import (
	"fmt"
	"slices"
	"time"
)

const breakerReason = "ECS deployment circuit breaker: tasks failed to start."

// Step brings the service up to now and says what to start and stop.
func (s *Service) Step(now time.Time) []Command {
	s.forget(now)
	s.advance(now)
	s.trip(now)
	s.shift(now)
	surplus := s.surplus()
	commands := make([]Command, 0, len(surplus))
	for _, t := range surplus {
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
		case StatusRollbackRequested:
			s.rollback(now, sd, sd.Reason)
		default: // the rest waits for what tasks do
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
	p.State, p.UpdatedAt, p.Reason = Failed, now, breakerReason
	s.say(now, "(service %s) (deployment %s) deployment failed: tasks failed to start.", s.Name, p.ID)
	sd := s.serviceDeploymentOf(p.ID)
	if sd == nil {
		return
	}
	sd.Tripped = true
	switch {
	case p.Origin == ByRollback:
		s.finish(now, sd, StatusRollbackFailed, p.Reason)
	case s.Breaker.Rollback && s.lastCompleted != nil:
		s.rollback(now, sd, p.Reason)
	default:
		s.stopped(now, sd, p.Reason)
		s.stay()
	}
}

// rollback makes the last completed revision primary again and lets it keep
// the tasks it still has.
func (s *Service) rollback(now time.Time, sd *ServiceDeployment, reason string) {
	target := s.lastCompleted
	s.say(now, "(service %s) rolling back to deployment %s.", s.Name, target.ID)
	d := s.add(now, target.Revision, ByRollback)
	d.Reason = "Service deployment stopped by user"
	if sd.Tripped {
		d.Reason = "ECS deployment circuit breaker"
	}
	d.Reason += fmt.Sprintf(": rolling back to deploymentId %s.", target.ID)
	d.Alternate = target.Alternate
	for _, old := range s.Deployments {
		if old != d && old.Revision.ID == target.Revision.ID {
			d.Weight, old.Weight = d.Weight+old.Weight, 0
		}
	}
	for _, t := range s.Tasks {
		if t.Revision.ID == target.Revision.ID && t.State < Stopping {
			t.Deployment = d.ID
		}
	}
	sd.Status, sd.Reason, sd.UpdatedAt = StatusRollbackInProgress, reason, now
	sd.RollbackReason, sd.RollbackAt, sd.RollbackTo = reason, now, target.Revision
	sd.rollbackBy = d.ID
}

// complete ends rollouts that have nothing left to do.
func (s *Service) complete(now time.Time) {
	p := s.Primary()
	s.Deployments = slices.DeleteFunc(s.Deployments, func(d *Deployment) bool {
		return d.Status == Active && !s.hasTasks(d.ID) && !s.held(d)
	})
	if p == nil || p.State == Failed || s.Deleted || p.State == InProgress && !s.shifted(p) {
		return
	}
	running, pending := s.Counts(p.ID)
	if running != s.Desired || pending != 0 || len(s.Deployments) != 1 {
		return
	}
	if p.State == InProgress {
		p.State, p.UpdatedAt = Completed, now
		p.Reason = fmt.Sprintf("ECS deployment %s completed.", p.ID)
		s.lastCompleted, p.Weight = p, 100
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
