// Package anomaly finds readings that do not fit what came before them, one
// pass, constant memory. Start with Detector.
//
// A series is looked at in eight views: the value itself; how it differs from the one
// before and from the last few; the mean of the last forty; how the mean of the last
// ten differs from that of a long time; how much the last hundred scatter; and how the
// last ten differ from what is usual at this hour of the day and of the week. Each view
// counts how often its numbers come, and says how rare a new one is: its surprise is
// minus the decimal logarithm of the share of numbers that lay at least as far out. A
// number beyond all before it is rarer by a power of ten for each step that it lies
// further out, in the scale of the view itself, and one that a wide empty stretch divides
// from the bulk is taken for rarer than its count says; both by half only while the view
// has seen 100 numbers, and more the more it has seen. The score of a reading is the mean of
// its two greatest surprises (one view alone is odd now and then, two at a time rarely
// are) less the half that the greatest two of eight are above one by chance. So a score
// of 3 means about one reading in 1,000, in every series, and one threshold serves all.
//
// Beside the values, the times are looked at: a gap is an interval, and a flatline a run
// of equal values, beyond all before it.
//
// Sources: a score that is the rarity of what a simple model leaves over, instead of
// its size, is the idea of S. Ahmad, A. Lavin, S. Purdy, Z. Agha, "Unsupervised
// real-time anomaly detection for streaming data", Neurocomputing 262, 2017, section
// 3.2 (anomaly likelihood); here the distribution is counted and not taken for normal.
// That a tail beyond the data is exponential on a scale is the peaks-over-threshold
// view of J. Pickands, "Statistical inference using extreme order statistics", Annals
// of Statistics 3(1), 1975, with a fixed shape on a logarithmic scale. Gap and flatline
// are tests 1 and 8 of U.S. Integrated Ocean Observing System, "Manual for Real-Time
// Quality Control of In-situ Temperature and Salinity Data" (QARTOD), version 2.1, 2020;
// their limits come from the series itself. How the detector does on labelled data is
// in docs/detector.md.
package anomaly

import (
	"fmt"
	"math"
	"time"
)

// Options tune a Detector. Default gives the one set of values that the processor and
// the API run with, for every series.
type Options struct {
	Warmup    int     // numbers of a view that set its scale, never odd
	Settled   int     // readings before the value of any can be an anomaly
	Threshold float64 // score from which a reading is an anomaly
	Quiet     int     // readings behind an anomaly in which only a louder one is another
	Louder    float64 // times the score of the one before that such a one has at least

	Flat   int     // equal readings that are a flatline in any series
	Gap    float64 // usual intervals without a reading that are a gap in any series
	Beyond float64 // times the longest before it that a flatline or a gap is
}

// Default returns the options the processor and the API run with.
func Default() Options {
	return Options{
		Warmup: 60, Settled: 150, Threshold: 3, Quiet: 110, Louder: 1.2,
		Flat: 30, Gap: 10, Beyond: 3,
	}
}

// Kind says in what a reading does not fit.
type Kind string

// The kinds of anomalies; see the package's comment.
const (
	Level      Kind = "level"
	Season     Kind = "season"
	OutOfRange Kind = "out_of_range"
	Rate       Kind = "rate_of_change"
	Scatter    Kind = "scatter"
	Flatline   Kind = "flatline"
	Gap        Kind = "gap"
)

// Finding is one anomaly, found at the reading that was observed.
type Finding struct {
	Kind Kind
	// Score says how rare it is: minus the decimal logarithm of the share of readings
	// that are as odd, so 4 for one in 10,000; of a gap and a flatline, of intervals and
	// runs. At most 20.
	Score float64
	// From is where it begins: at the reading itself, at the one before it
	// (gap, rate of change), or at the first of the equal ones (flatline).
	From time.Time
	// Why says in one sentence what is odd about it.
	Why string
}

// Detector watches one series. Its zero value is not usable; call New.
type Detector struct {
	opts   Options
	series series
	flat   flat
	gaps   gaps
	seen   int
	quiet  int     // readings since the last anomaly of a value
	loud   float64 // its two surprises' mean
	last   time.Time
	before float64 // the value at last
}

// New returns a detector that has seen nothing.
func New(opts Options) *Detector {
	return &Detector{opts: opts, series: newSeries(&opts), quiet: opts.Quiet + 1}
}

// Last returns the time of the youngest reading observed, zero before the first.
func (d *Detector) Last() time.Time { return d.last }

// Observe takes the next reading of the series, in the order of time, and appends what
// is found to found: at most one anomaly of its value, one flatline and one gap.
// Anomalies of values that follow each other closely are one, unless a later one is
// much louder. A value that is not finite is not observed. A reading that is older than
// one before it is late: its value is counted, it moves no clock, and it is not an
// anomaly.
func (d *Detector) Observe(at time.Time, x float64, found []Finding) []Finding {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return found
	}
	x = max(-largest, min(largest, x))
	if d.seen > 0 && at.Before(d.last) {
		d.series.late(x)
		return found
	}
	d.seen++
	apart := d.seen == 1
	if !apart {
		passed := seconds(d.last, at)
		apart = d.gaps.seen > 0 && passed > d.opts.Gap*d.gaps.usual
		if f, odd := d.gaps.observe(&d.opts, d.last, passed); odd {
			found = append(found, f)
		}
	}
	if f, odd := d.flat.observe(&d.opts, d.seen, at, d.seen > 1 && x == d.before); odd {
		found = append(found, f)
	}
	judged := d.series.observe(at, x, apart)
	if f, odd := d.value(at, judged); odd {
		found = append(found, f)
	}
	d.last, d.before = at, x
	return found
}

// seconds is the time between two readings. It knows of no clock but the
// readings' own and of no limit, and so costs less than a time.Duration.
func seconds(from, to time.Time) float64 {
	return float64(to.Unix()-from.Unix()) + float64(to.Nanosecond()-from.Nanosecond())/float64(time.Second)
}

// value says whether what was judged is an anomaly.
func (d *Detector) value(at time.Time, judged *[views]seen) (f Finding, odd bool) {
	d.quiet++
	most, second := 0, 1
	for view := range judged {
		switch s := judged[view].surprise; {
		case view == 0:
		case s > judged[most].surprise:
			most, second = view, most
		case second == most || s > judged[second].surprise:
			second = view
		}
	}
	mean := (judged[most].surprise + judged[second].surprise) / 2
	score := mean - chance
	if score < d.opts.Threshold || d.seen <= d.opts.Settled {
		return f, false
	}
	if d.quiet <= d.opts.Quiet && mean <= d.loud*d.opts.Louder {
		return f, false
	}
	d.quiet, d.loud = 0, mean
	// That it is beyond all before it says more than how fast it came.
	if v := judged[viewValue]; v.record && v.surprise >= d.opts.Threshold+chance && most != viewValue {
		most, second = viewValue, most
	}
	f = Finding{Kind: kindOf(most, judged[most]), Score: score, From: at}
	if f.Kind == Rate {
		f.From = d.last
	}
	f.Why = fmt.Sprintf("%s, and %s (%s)", words(most, judged[most]), words(second, judged[second]), oneIn(score))
	return f, true
}

const (
	// chance is what the two greatest of eight surprises are above that of one by
	// chance: of noise, numbers of two views at one in 3,000 come together once in
	// 1,000 readings. TestCalibrated measures it.
	chance = 0.5
	// maxSurprise keeps scores readable where a view never changed.
	maxSurprise = 20
	// largest keeps sums and squares finite; no sensor measures more.
	largest = 1e100
)
