package anomaly

import (
	"math"
	"time"
)

const (
	hours = 24
	// The season of a series counts from enough days on, and while its hours
	// differ by more than what is left when the hour's level is taken away.
	enoughDays = 7
	firstDays  = 2   // from when on what is left is measured
	distinct   = 2.0 // scales of what is left by which the hours differ
	mostDays   = 10  // that an hour's level is the mean of, about
)

// season is what a series is at each hour of the day, in UTC: a level for each
// hour and a band around it.
type season struct {
	levels [hours]float64
	days   [hours]int // how often each hour came, up to mostDays
	hour   int        // the one that is going on
	count  int        // of its readings
	sum    float64
	rest   band // what is left of the values
	seen   int  // by rest
	strong bool
}

func newSeason(opts *Options) season {
	return season{rest: newBand(opts, 1, longTime)}
}

// observe returns how far a value is from the usual of its hour, in scales, and
// how many times the usual distance that is; 0 for a series without a season.
func (s *season) observe(opts *Options, at time.Time, x float64) (apart, unusual float64) {
	const hour = 3600
	now := int(((at.Unix()/hour)%hours + hours) % hours)
	if now != s.hour {
		s.fold(opts)
		s.hour = now
	}
	s.count++
	s.sum += x
	if s.days[now] < firstDays {
		return 0, 0
	}
	s.seen++
	apart, unusual = s.rest.observe(opts, s.seen, x-s.levels[now])
	if !s.strong || s.days[now] < enoughDays {
		return 0, 0
	}
	return apart, unusual
}

// fold takes the mean of the hour that has ended into its level.
func (s *season) fold(opts *Options) {
	if s.count == 0 {
		return
	}
	mean := s.sum / float64(s.count)
	s.sum, s.count = 0, 0
	days := &s.days[s.hour]
	*days = min(*days+1, mostDays)
	change := mean - s.levels[s.hour]
	if *days > firstDays && s.rest.first == nil {
		reach := opts.Clip * s.rest.floored()
		change = max(-reach, min(reach, change))
	}
	s.levels[s.hour] += change / float64(*days)
	s.judge()
}

// judge says whether the hours differ.
func (s *season) judge() {
	var n, mean, squares float64
	for hour, level := range s.levels {
		if s.days[hour] < firstDays {
			continue
		}
		n++
		delta := level - mean
		mean += delta / n
		squares += delta * (level - mean)
	}
	s.strong = n > 1 && s.rest.first == nil && math.Sqrt(squares/n) > distinct*s.rest.floored()
}
