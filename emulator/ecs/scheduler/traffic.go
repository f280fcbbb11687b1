package scheduler

// give sends all of the traffic to one deployment.
func (s *Service) give(to *Deployment) {
	for _, d := range s.Deployments {
		d.Weight = 0
	}
	to.Weight = 100
}

// stay ends a shift where it is: green keeps all of the traffic if it has it,
// otherwise blue gets it back.
func (s *Service) stay() {
	if p, blue := s.Primary(), s.blue(); p != nil && p.Weight < 100 && blue != nil {
		s.give(blue)
	}
}

// Traffic is the share of the production traffic, in percent, that each of the
// two target groups shall have. It is none where no traffic is shifted.
func (s *Service) Traffic() (primary, alternate float64) {
	for _, d := range s.Deployments {
		if d.Alternate {
			alternate += d.Weight
		} else {
			primary += d.Weight
		}
	}
	return primary, alternate
}

// Weight is the share of the production traffic, in percent, that a revision
// shall have.
func (s *Service) Weight(revision string) float64 {
	share := 0.0
	for _, d := range s.Deployments {
		if d.Revision.ID == revision {
			share += d.Weight
		}
	}
	return share
}
