// Package anomaly finds readings that do not fit what came before them, one
// pass, constant memory. Start with Detector.
//
// A series is looked at in two bands: how far each value lies from the recent
// level, which finds spikes, and how far the recent level lies from that of a
// long time, which finds changes that are small but stay. Each band measures
// its deviation in robust scales, and an anomaly is a deviation beyond nearly
// all that the band has shown before, so that a series with a daily wave or
// with frequent bursts is held to its own habits.
//
// Sources: the robust level and scale are those of S. Gelper, R. Fried,
// C. Croux, "Robust forecasting with exponential and Holt-Winters smoothing",
// Journal of Forecasting 29(3), 2010, pages 285-300 (Huber's psi, the bounded
// biweight rho). The moving quantile is a stochastic approximation: H. Robbins,
// S. Monro, "A stochastic approximation method", Annals of Mathematical
// Statistics 22(3), 1951, here with steps in proportion to the quantile, so
// that it follows a series whose habits change.
package anomaly

import "math"

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
}

// Default returns the options the processor and the API run with. They were
// chosen for sensors that report every few minutes.
func Default() Options {
	return Options{Warmup: 100, Scale: 0.03, Clip: 3, Usual: 4, Quantile: 0.998, Step: 0.2, Threshold: 1.05, Quiet: 200}
}

// The weights of a new value in the levels: the value itself, about 5, 10 and
// 200 readings. They need not fit a series closely: the scales do.
const (
	recent   = 0.2
	averaged = 0.1
	longTime = 0.005
)

// Detector watches one series. Its zero value is not usable; call New.
type Detector struct {
	opts   Options
	spikes band
	shifts band
	seen   int
	quiet  int // readings since the last deviation
}

// New returns a detector that has seen nothing.
func New(opts Options) *Detector {
	return &Detector{
		opts:   opts,
		spikes: newBand(&opts, 1, recent),
		shifts: newBand(&opts, averaged, longTime),
		quiet:  opts.Quiet,
	}
}

// Observe takes the next value and returns its score, the deviation in scales
// of the band where it is most unusual, and whether an anomaly begins with it.
// Deviations that follow each other closely are one anomaly. A value that is
// not finite is not observed.
func (d *Detector) Observe(x float64) (score float64, anomaly bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, false
	}
	x = max(-largest, min(largest, x))
	d.seen++
	score, unusual := d.spikes.observe(&d.opts, d.seen, x)
	shift, unusualShift := d.shifts.observe(&d.opts, d.seen, x)
	if unusualShift > unusual {
		score, unusual = shift, unusualShift
	}
	if unusual < d.opts.Threshold {
		d.quiet++
		return score, false
	}
	anomaly = d.quiet >= d.opts.Quiet
	d.quiet = 0
	return score, anomaly
}

const (
	// maxScore keeps scores readable where the scale is next to nothing.
	maxScore = 1e6
	// largest keeps sums and squares finite; no sensor measures more.
	largest = 1e100
)
