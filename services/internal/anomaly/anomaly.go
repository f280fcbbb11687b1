// Package anomaly finds readings that do not fit what came before them, one
// pass, constant memory. Start with Detector.
//
// The detector is robust exponential smoothing: an exponentially weighted mean
// and scale, both of which see each value only as far as it is believable, so
// that an outlier neither drags the mean nor hides the next one. The score is
// the distance of a value from the mean in scales. Source: S. Gelper,
// R. Fried, C. Croux, "Robust forecasting with exponential and Holt-Winters
// smoothing", Journal of Forecasting 29(3), 2010, pages 285-300, equations for
// simple exponential smoothing with Huber's psi and the bounded biweight rho.
package anomaly

import (
	"math"
	"slices"
)

// Options tune a Detector. Default gives values that suit sensors that report
// every few minutes and drift slowly.
type Options struct {
	Warmup    int     // readings that set the first mean and scale, never flagged
	Mean      float64 // weight of a new value in the mean, 0 to 1
	Scale     float64 // weight of a new value in the scale, 0 to 1
	Threshold float64 // score from which a reading is an anomaly
	Rearm     float64 // score below which the next anomaly can begin
}

// Default returns the options the processor runs with.
func Default() Options {
	return Options{Warmup: 30, Mean: 0.1, Scale: 0.05, Threshold: 8, Rearm: 4}
}

// Huber's and the biweight's constants from the paper: how many scales are
// still believed, and the factor that makes the scale right for normal noise.
const (
	believable = 2.0
	biweight   = 2.52
)

// Detector watches one series. Its zero value is not usable; call New.
type Detector struct {
	opts   Options
	first  []float64
	mean   float64
	scale  float64
	inside bool
}

// New returns a detector that has seen nothing.
func New(opts Options) *Detector {
	return &Detector{opts: opts, first: make([]float64, 0, opts.Warmup)}
}

// Observe takes the next value and returns its score and whether an anomaly
// begins with it. A run of odd values is one anomaly, until the score has come
// down again. A value that is not finite is not observed.
func (d *Detector) Observe(x float64) (score float64, anomaly bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, false
	}
	x = max(-largest, min(largest, x))
	if d.first != nil {
		d.warmUp(x)
		return 0, false
	}
	spread := d.spread()
	r := (x - d.mean) / spread
	score = min(math.Abs(r), maxScore)
	switch {
	case !d.inside && score >= d.opts.Threshold:
		d.inside, anomaly = true, true
	case d.inside && score < d.opts.Rearm:
		d.inside = false
	}
	d.scale = spread * math.Sqrt(d.opts.Scale*rho(r)+(1-d.opts.Scale))
	d.mean += d.opts.Mean * psi(r) * spread
	return score, anomaly
}

const (
	// maxScore keeps scores readable where the scale is next to nothing.
	maxScore = 1e6
	// largest keeps sums and squares finite; no sensor measures more.
	largest = 1e100
)

// spread is the scale with a floor, so that a series that never changes does
// not make an anomaly of its first rounding difference.
func (d *Detector) spread() float64 {
	const relative, absolute = 1e-3, 1e-9
	return max(d.scale, relative*math.Abs(d.mean), absolute)
}

// warmUp starts from the median and the median absolute deviation, which
// survive odd values among the first.
func (d *Detector) warmUp(x float64) {
	d.first = append(d.first, x)
	if len(d.first) < d.opts.Warmup {
		return
	}
	d.mean = median(d.first)
	for i, v := range d.first {
		d.first[i] = math.Abs(v - d.mean)
	}
	const normal = 1.4826 // makes the deviation a standard deviation
	d.scale = normal * median(d.first)
	d.first = nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

func psi(r float64) float64 { return max(-believable, min(believable, r)) }

func rho(r float64) float64 {
	if math.Abs(r) > believable {
		return biweight
	}
	u := 1 - (r/believable)*(r/believable)
	return biweight * (1 - u*u*u)
}
