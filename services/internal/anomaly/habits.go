package anomaly

import "time"

// span is the range of the values so far.
type span struct{ low, high float64 }

// settled is how many warm-ups pass before a range, which grows with the
// readings, says anything.
const settled = 5

// observe takes the n-th value, from 1, and returns by how many widths of the
// range it lies outside, 0 while the range is not yet settled. One value widens
// the range by its width at most.
func (s *span) observe(opts *Options, n int, x float64) (widths float64) {
	if n == 1 {
		s.low, s.high = x, x
	}
	if n <= settled*opts.Warmup {
		s.low, s.high = min(s.low, x), max(s.high, x)
		return 0
	}
	if s.low <= x && x <= s.high {
		return 0
	}
	width := max(s.high-s.low, floor(s.high))
	widths = min(max(s.low-x, x-s.high)/width, maxScore)
	s.low, s.high = min(s.low, max(x, s.low-width)), max(s.high, min(x, s.high+width))
	return widths
}

// flat is the run of equal values, and the longest there was.
type flat struct {
	run, longest int
	since        time.Time
}

// observe takes whether the n-th value is the same as the one before it. A
// series that never had another value has no flatline.
func (f *flat) observe(opts *Options, n int, at time.Time, same bool) (ratio float64, since time.Time, odd bool) {
	if !same {
		f.longest = max(f.longest, f.run)
		f.run, f.since = 1, at
		return 0, at, false
	}
	f.run++
	varied := n-f.run >= opts.Warmup
	odd = varied && f.run == max(opts.Flat, int(opts.Beyond*float64(f.longest)))
	if !odd {
		return 0, f.since, false
	}
	return float64(f.run) / float64(f.longest), f.since, true
}

// gaps is how often readings come, in seconds.
type gaps struct {
	seen           int // intervals
	usual, longest float64
}

// observe takes the seconds since the reading before; what is not positive
// says nothing.
func (g *gaps) observe(opts *Options, passed float64) (ratio float64, odd bool) {
	const (
		weight = 0.05
		far    = 2.0  // times by which one interval can pull the usual one
		forget = 1e-4 // share of the longest that an interval takes away
	)
	if passed <= 0 {
		return 0, false
	}
	g.seen++
	if g.seen == 1 {
		g.usual, g.longest = passed, passed
		return 0, false
	}
	ratio = min(passed/g.usual, maxScore)
	odd = g.seen > opts.Warmup && ratio > opts.Gap && passed > opts.Beyond*g.longest
	g.longest = max(g.longest*(1-forget), passed)
	g.usual += weight * (max(g.usual/far, min(g.usual*far, passed)) - g.usual)
	return ratio, odd
}
