package scheduler

import (
	"fmt"
	"time"
)

const keepDeployments = 50

// Deploy makes revision the primary deployment, in place of an unfinished one.
func (s *Service) Deploy(now time.Time, revision Revision, origin Origin) *Deployment {
	s.abandon(now, "The deployment was superseded by a newer one.")
	sources := make([]Revision, 0, len(s.Deployments))
	for _, d := range s.Deployments {
		sources = append(sources, d.Revision)
	}
	d := s.add(now, revision, origin)
	sd := &ServiceDeployment{
		ID: s.newID("service-deployment"), Deployment: d.ID, Status: StatusPending, Target: revision, Sources: sources,
		Breaker: s.Breaker, Strategy: s.Strategy, Desired: s.Desired, CreatedAt: now, UpdatedAt: now,
	}
	s.ServiceDeployments = append([]*ServiceDeployment{sd}, s.ServiceDeployments...)
	if len(s.ServiceDeployments) > keepDeployments {
		s.ServiceDeployments = s.ServiceDeployments[:keepDeployments]
	}
	s.place(d)
	return d
}

// place chooses the target group of a new deployment: the one that what serves
// now does not use, if traffic is to be shifted.
func (s *Service) place(d *Deployment) {
	blue := s.blue()
	serves := blue
	for _, other := range s.Deployments {
		if serves == nil && other.Weight > 0 {
			serves = other
		}
	}
	if serves != nil {
		d.Alternate = serves.Alternate != s.Strategy.Shifts()
	}
	if blue != nil && !s.Strategy.Shifts() {
		s.give(blue)
	}
}

// add makes a deployment of revision the primary one.
func (s *Service) add(now time.Time, revision Revision, origin Origin) *Deployment {
	if p := s.Primary(); p != nil {
		p.Status, p.UpdatedAt = Active, now
	}
	d := &Deployment{
		ID: s.newID("deployment"), Status: Primary, State: InProgress, Origin: origin, Revision: revision,
		CreatedAt: now, UpdatedAt: now,
	}
	d.Reason = fmt.Sprintf("ECS deployment %s in progress.", d.ID)
	s.Deployments = append([]*Deployment{d}, s.Deployments...)
	s.steady = false
	return d
}

// abandon ends the service deployment that is not finished, if there is one.
func (s *Service) abandon(now time.Time, reason string) {
	for _, sd := range s.ServiceDeployments {
		if !sd.Done() {
			s.stopped(now, sd, reason)
		}
	}
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
		d := s.deployment(sd.Deployment)
		if d == nil || sd.Status != StatusPending && sd.Status != StatusInProgress {
			return false
		}
		d.State, d.UpdatedAt = Failed, now
		d.Reason = "Service deployment stopped by user."
		if rollback && s.lastCompleted != nil {
			sd.Status, sd.UpdatedAt, sd.Reason = StatusRollbackRequested, now, d.Reason
			return true
		}
		s.stopped(now, sd, d.Reason)
		s.stay()
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
	s.abandon(now, "The service was deleted.")
}

func (s *Service) finish(now time.Time, sd *ServiceDeployment, status Status, reason string) {
	sd.Status, sd.Reason, sd.UpdatedAt, sd.FinishedAt = status, reason, now, now
}

func (s *Service) stopped(now time.Time, sd *ServiceDeployment, reason string) {
	s.finish(now, sd, StatusStopped, reason)
	sd.StoppedAt = now
}
