package scheduler

import (
	"slices"
	"time"
)

// wanted is how many tasks a deployment of a service that shifts traffic shall
// have, of those that it has now.
func (s *Service) wanted(d *Deployment, has int) int {
	sd := s.ServiceDeployments[0]
	underWay := sd.Status == StatusPending || sd.Status == StatusInProgress || sd.Status == StatusRollbackRequested
	early := underWay && (sd.Stage == "" || sd.Stage == ReconcileService || sd.Stage == PreScaleUp)
	switch {
	case s.Deleted:
		return 0
	case d.Weight > 0:
		return s.Desired
	case d.Status == Primary && d.State == Failed:
		if slices.ContainsFunc(s.Deployments, func(o *Deployment) bool { return o.Weight > 0 }) {
			return 0
		}
		running, _ := s.Counts(d.ID)
		return min(running, s.Desired)
	case d.Status == Primary && early:
		return 0
	case d.Status == Primary:
		return s.Desired
	case !underWay || sd.Stage == CleanUp:
		return 0
	case d == s.blue():
		return s.Desired
	case s.blue() == nil:
		// Nothing had completed: what there is serves until green can.
		return min(has, s.Desired)
	}
	return 0
}

// Wanted is how many tasks a deployment shall have now.
func (s *Service) Wanted(d *Deployment) int {
	switch {
	case s.shifts():
		return s.wanted(d, len(s.live(d.ID)))
	case d.Status == Primary:
		return s.Desired
	}
	return 0
}

// held says whether a deployment is kept although it has no tasks at present.
func (s *Service) held(d *Deployment) bool {
	return s.shifts() && !s.Deleted && (d.Weight > 0 || s.wanted(d, 0) > 0)
}

// surplusOfFleets lists the tasks that the fleets of a service that shifts
// traffic have too many.
func (s *Service) surplusOfFleets() []*Task {
	gone := make([]*Task, 0, len(s.Tasks))
	for _, d := range s.Deployments {
		own := s.live(d.ID)
		excess := len(own) - s.wanted(d, len(own))
		gone = append(gone, goingOrder(own)[:max(0, excess)]...)
	}
	return gone
}

// launchFleets starts the tasks that the fleets lack: also the old one's, which
// serves until the traffic has moved.
func (s *Service) launchFleets(now time.Time) []Command {
	commands := make([]Command, 0, s.Desired)
	for _, d := range s.Deployments {
		if d.State == Failed || now.Before(d.nextStart) {
			continue
		}
		has := len(s.live(d.ID))
		commands = append(commands, s.start(now, d, s.wanted(d, has)-has)...)
	}
	return commands
}
