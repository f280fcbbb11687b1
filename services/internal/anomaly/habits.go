package anomaly

import (
	"fmt"
	"math"
	"time"
)

// beyondAll is how rare a length is that is so many times the longest of n before it:
// none of them was as long, and each doubling is taken for a power of ten.
func beyondAll(n int, times float64) float64 {
	return min(math.Log10(float64(n+1))+math.Log2(max(times, 1)), maxSurprise)
}

// flat is the run of equal values, and the longest there was.
type flat struct {
	run, longest, runs int
	since              time.Time
}

// observe takes whether the n-th value is the same as the one before it. A
// series that never had another value has no flatline.
func (f *flat) observe(opts *Options, n int, at time.Time, same bool) (found Finding, odd bool) {
	if !same {
		f.longest = max(f.longest, f.run)
		f.run, f.since = 1, at
		f.runs++
		return found, false
	}
	f.run++
	varied := n-f.run >= opts.Warmup
	if !varied || f.run != max(opts.Flat, int(opts.Beyond*float64(f.longest))) {
		return found, false
	}
	return Finding{
		Kind: Flatline, Score: beyondAll(f.runs, float64(f.run)/float64(max(f.longest, 1))), From: f.since,
		Why: fmt.Sprintf("%d readings in a row have the same value, at most %d did before", f.run, f.longest),
	}, true
}

// gaps is how often readings come, in seconds.
type gaps struct {
	seen           int // intervals
	usual, longest float64
}

// observe takes the seconds since the reading before, at last; what is not positive
// says nothing.
func (g *gaps) observe(opts *Options, last time.Time, passed float64) (found Finding, odd bool) {
	const (
		settled = 100 // intervals before any can be a gap
		weight  = 0.05
		far     = 2.0  // times by which one interval can pull the usual one
		forget  = 1e-4 // share of the longest that an interval takes away
	)
	if passed <= 0 {
		return found, false
	}
	g.seen++
	if g.seen == 1 {
		g.usual, g.longest = passed, passed
		return found, false
	}
	odd = g.seen > settled && passed > opts.Gap*g.usual && passed > opts.Beyond*g.longest
	if odd {
		found = Finding{
			Kind: Gap, Score: beyondAll(g.seen, passed/g.longest), From: last,
			Why: fmt.Sprintf("no reading came for %s, usual are %s", duration(passed), duration(g.usual)),
		}
	}
	g.longest = max(g.longest*(1-forget), passed)
	g.usual += weight * (max(g.usual/far, min(g.usual*far, passed)) - g.usual)
	return found, odd
}

// duration is so many seconds in words.
func duration(seconds float64) string {
	const longest = 1e9 // 32 years, beyond which a time.Duration ends
	return time.Duration(min(seconds, longest) * float64(time.Second)).Round(time.Second).String()
}
