// Package anomaly finds readings that do not fit what came before them, one
// pass, constant memory. Start with Detector.
//
// A series is looked at in several ways, all with one set of parameters:
//
//   - level: how far a value lies from the recent level, which finds spikes,
//     and how far the recent level lies from that of a long time, which finds
//     changes that are small but stay;
//   - season: how far a value lies from what is usual at its hour of the day,
//     once a series has shown for a week that the hour explains most of it;
//   - out of range: how far a value lies beyond all values before it;
//   - rate of change: how fast a value moved from the one before it;
//   - flatline: how long a value has stayed exactly the same;
//   - gap: how long no reading came.
//
// Level, season and rate measure a deviation in robust scales, and an anomaly
// is one beyond nearly all that the series has shown before, so that a series
// with frequent bursts is held to its own habits. Gap and flatline compare with
// the longest ones of the series in the same sense.
//
// Sources: the robust level and scale are those of S. Gelper, R. Fried,
// C. Croux, "Robust forecasting with exponential and Holt-Winters smoothing",
// Journal of Forecasting 29(3), 2010, pages 285-300 (Huber's psi, the bounded
// biweight rho); the season is that paper's, additive, with one place for each
// hour. The moving quantile is a stochastic approximation: H. Robbins, S. Monro,
// "A stochastic approximation method", Annals of Mathematical Statistics 22(3),
// 1951, here with steps in proportion to the quantile, so that it follows a
// series whose habits change. Which other kinds there are is taken from U.S.
// Integrated Ocean Observing System, "Manual for Real-Time Quality Control of
// In-situ Temperature and Salinity Data" (QARTOD), version 2.1, 2020: tests 1
// (gap), 4 (gross range), 7 (rate of change) and 8 (flat line). Its limits are
// set for each sensor by hand; here they come from the series itself.
package anomaly

import (
	"math"
	"time"
)

// Options tune a Detector. Default gives the one set of values that the
// processor and the API run with; how they do on labelled data is measured in
// this package's tests.
type Options struct {
	Warmup    int     // readings that set the first scales, never flagged
	Scale     float64 // weight of a new deviation in the scale, 0 to 1
	Clip      float64 // scales by which one value can pull a level at most
	Usual     float64 // least deviation, in scales, that is unusual in any series
	Quantile  float64 // share of deviations that are usual in this series
	Step      float64 // how fast the moving quantile moves
	Threshold float64 // times the usual from which a deviation is an anomaly
	Quiet     int     // readings without a deviation before the next anomaly can begin

	Rate   float64 // times the usual from which a change is too fast
	Range  float64 // widths of the range so far by which a value is out of it
	Flat   int     // equal readings that are a flatline in any series
	Gap    float64 // usual intervals without a reading that are a gap in any series
	Beyond float64 // times the longest before it that a flatline or a gap is
}

// Default returns the options the processor and the API run with. They were
// chosen for sensors that report every few minutes.
func Default() Options {
	return Options{
		Warmup: 100, Scale: 0.03, Clip: 3, Usual: 4, Quantile: 0.998, Step: 0.2, Threshold: 1.05, Quiet: 200,
		Rate: 3, Range: 1, Flat: 30, Gap: 10, Beyond: 3,
	}
}

// The weights of a new value in the levels: the value itself, about 5, 10 and
// 200 readings. They need not fit a series closely: the scales do.
const (
	recent   = 0.2
	averaged = 0.1
	longTime = 0.005
)

// Kind says in what a reading does not fit.
type Kind string

// The kinds of anomalies; see the package's comment.
const (
	Level      Kind = "level"
	Season     Kind = "season"
	OutOfRange Kind = "out_of_range"
	Rate       Kind = "rate_of_change"
	Flatline   Kind = "flatline"
	Gap        Kind = "gap"
)

// Finding is one anomaly, found at the reading that was observed.
type Finding struct {
	Kind Kind
	// Score says how far it is from what fits: scales of deviation (level,
	// season, rate of change), widths of the range (out of range), or times
	// the usual (flatline: the longest run before; gap: the interval).
	Score float64
	// From is where it begins: at the reading itself, at the one before it
	// (gap, rate of change), or at the first of the equal ones (flatline).
	From time.Time
}

// Detector watches one series. Its zero value is not usable; call New.
type Detector struct {
	opts   Options
	spikes band
	shifts band
	rates  band
	season season
	span   span
	flat   flat
	gaps   gaps
	seen   int
	quiet  int // readings since the last deviation
	last   time.Time
	before float64 // the value at last
}

// New returns a detector that has seen nothing.
func New(opts Options) *Detector {
	return &Detector{
		opts:   opts,
		spikes: newBand(&opts, 1, recent),
		shifts: newBand(&opts, averaged, longTime),
		rates:  newBand(&opts, 1, longTime),
		season: newSeason(&opts),
		quiet:  opts.Quiet,
	}
}

// Last returns the time of the reading observed last, zero before the first.
func (d *Detector) Last() time.Time { return d.last }

// Observe takes the next reading of the series, in the order of time, and
// appends what is found to found: at most one anomaly of its value and one of
// its time. Deviations of the value that follow each other closely are one
// anomaly. A value that is not finite is not observed; a reading that is not
// younger than the one before it is observed in its value alone.
func (d *Detector) Observe(at time.Time, x float64, found []Finding) []Finding {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return found
	}
	x = max(-largest, min(largest, x))
	d.seen++
	passed := 0.0
	if d.seen > 1 {
		passed = seconds(d.last, at)
	}
	if ratio, odd := d.gaps.observe(&d.opts, passed); odd {
		found = append(found, Finding{Kind: Gap, Score: ratio, From: d.last})
	}
	if ratio, since, odd := d.flat.observe(&d.opts, d.seen, at, d.seen > 1 && x == d.before); odd {
		found = append(found, Finding{Kind: Flatline, Score: ratio, From: since})
	}
	f, odd := d.value(at, x, passed)
	d.last, d.before = at, x
	if !odd {
		d.quiet++
		return found
	}
	begins := d.quiet >= d.opts.Quiet
	d.quiet = 0
	if begins {
		found = append(found, f)
	}
	return found
}

// seconds is the time between two readings. It knows of no clock but the
// readings' own and of no limit, and so costs less than a time.Duration.
func seconds(from, to time.Time) float64 {
	return float64(to.Unix()-from.Unix()) + float64(to.Nanosecond()-from.Nanosecond())/float64(time.Second)
}

// value looks at the value in every way and returns the plainest of what is
// odd about it.
func (d *Detector) value(at time.Time, x, passed float64) (f Finding, odd bool) {
	f = Finding{Kind: Level, From: at}
	score, unusual := d.spikes.observe(&d.opts, d.seen, x)
	if shift, more := d.shifts.observe(&d.opts, d.seen, x); more > unusual {
		score, unusual = shift, more
	}
	if apart, more := d.season.observe(&d.opts, at, x); more > unusual {
		f.Kind, score, unusual = Season, apart, more
	}
	f.Score, odd = score, unusual >= d.opts.Threshold
	if rate, times := d.changed(x, passed); times >= d.opts.Rate {
		f, odd = Finding{Kind: Rate, Score: rate, From: d.last}, true
	}
	if widths := d.span.observe(&d.opts, d.seen, x); widths >= d.opts.Range {
		f, odd = Finding{Kind: OutOfRange, Score: widths, From: at}, true
	}
	return f, odd
}

// changed measures the change since the last reading as one over a usual
// interval. Behind a gap nobody knows how fast it came.
func (d *Detector) changed(x, passed float64) (rate, times float64) {
	if passed <= 0 || passed > d.opts.Gap*d.gaps.usual {
		return 0, 0
	}
	return d.rates.observe(&d.opts, d.gaps.seen, (x-d.before)*d.gaps.usual/max(passed, d.gaps.usual))
}

const (
	// maxScore keeps scores readable where the scale is next to nothing.
	maxScore = 1e6
	// largest keeps sums and squares finite; no sensor measures more.
	largest = 1e100
)
