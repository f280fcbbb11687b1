package scheduler

import "time"

// shifts says whether the newest deployment moves traffic between fleets.
func (s *Service) shifts() bool {
	return len(s.ServiceDeployments) > 0 && s.ServiceDeployments[0].Strategy.Shifts()
}

// blue is the deployment that served before the primary one, or nil.
func (s *Service) blue() *Deployment {
	if s.lastCompleted == nil {
		return nil
	}
	for _, d := range s.Deployments {
		if d.Status != Primary && d.Revision.ID == s.lastCompleted.Revision.ID {
			return d
		}
	}
	return nil
}

// shift moves an open deployment that shifts traffic by at most one stage, so
// that whoever watches can see each.
func (s *Service) shift(now time.Time) {
	if !s.shifts() || s.Deleted {
		return
	}
	sd := s.ServiceDeployments[0]
	switch sd.Status {
	case StatusInProgress:
		if green := s.deployment(sd.Deployment); green != nil {
			s.progress(now, sd, green)
		}
	case StatusRollbackInProgress:
		// Until its clean-up began the old fleet is complete and can serve at once.
		if back := s.deployment(sd.rollbackBy); back != nil && (sd.Stage != CleanUp || s.full(back)) {
			s.give(back)
		}
	default: // nothing is under way
	}
}

func (s *Service) progress(now time.Time, sd *ServiceDeployment, green *Deployment) {
	blue := s.blue()
	switch sd.Stage {
	case "":
		sd.enter(now, PreScaleUp)
		if blue != nil && len(s.Deployments) > 2 {
			sd.enter(now, ReconcileService)
		}
	case ReconcileService:
		if blue != nil && s.full(blue) {
			s.give(blue)
		}
		if len(s.Deployments) <= 2 {
			sd.enter(now, PreScaleUp)
		}
	case PreScaleUp:
		sd.enter(now, ScaleUp)
	case ScaleUp:
		if s.full(green) {
			sd.enter(now, PostScaleUp)
		}
	case PostScaleUp:
		sd.enter(now, TestTrafficShift)
	case TestTrafficShift:
		sd.enter(now, PostTestTrafficShift)
	case PostTestTrafficShift:
		sd.enter(now, ProductionTrafficShift)
	case ProductionTrafficShift:
		s.step(now, sd, green, blue)
	case PostProductionTrafficShift:
		sd.enter(now, BakeTime)
	case BakeTime:
		if s.full(green) && (blue == nil || now.Sub(sd.stageAt) >= sd.Strategy.Bake) {
			sd.enter(now, CleanUp)
		}
	case CleanUp: // complete ends it when nothing else is left
	}
}

// step gives green its next share of the traffic when the last has lasted long
// enough. Only a complete fleet gets more; and the first there is gets all.
func (s *Service) step(now time.Time, sd *ServiceDeployment, green, blue *Deployment) {
	switch {
	case !s.full(green):
	case green.Weight == 100:
		sd.enter(now, PostProductionTrafficShift)
	case blue == nil:
		s.give(green)
	case green.Weight == 0 || now.Sub(sd.shiftedAt) >= sd.Strategy.Wait:
		share := sd.Strategy.next(green.Weight)
		s.give(blue)
		green.Weight, blue.Weight = share, 100-share
		sd.shiftedAt, sd.UpdatedAt = now, now
	}
}

func (d *ServiceDeployment) enter(now time.Time, stage Stage) {
	d.Stage, d.stageAt, d.UpdatedAt = stage, now, now
}

// full says whether a deployment has all the tasks it shall have, and healthy.
func (s *Service) full(d *Deployment) bool {
	running, _ := s.Counts(d.ID)
	return running >= s.Desired
}

// shifted says whether a deployment has no stage left to go through.
func (s *Service) shifted(d *Deployment) bool {
	sd := s.serviceDeploymentOf(d.ID)
	return sd == nil || !sd.Strategy.Shifts() || d.Weight == 100 && (sd.Stage == CleanUp || d.Origin == ByRollback)
}
