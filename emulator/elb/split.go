package elb

import "slices"

// split sends the requests for some target groups to each by its share, in a
// turn that is the same every time.
type split struct {
	groups []string
	shares map[string]float64
	credit map[string]float64
}

// next is the target group of the next request: the one that is owed most.
func (s *split) next() string {
	best, total := "", 0.0
	for _, group := range s.groups {
		share := s.shares[group]
		total += share
		s.credit[group] += share
		if share > 0 && (best == "" || s.credit[group] > s.credit[best]) {
			best = group
		}
	}
	s.credit[best] -= total
	return best
}

// Split sends requests that a load balancer forwards to any of the target groups
// to each of them by its share, whether it has healthy targets or not.
func (b *Balancer) Split(shares map[string]float64) {
	s := &split{shares: shares, credit: map[string]float64{}}
	total := 0.0
	for group, share := range shares {
		s.groups = append(s.groups, group)
		total += share
	}
	slices.Sort(s.groups)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, group := range s.groups {
		if delete(b.splits, group); total > 0 {
			b.splits[group] = s
		}
	}
}
