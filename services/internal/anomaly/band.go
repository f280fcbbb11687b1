package anomaly

import (
	"math"
	"slices"
)

// band follows the difference of a fast and a slow level of one series.
type band struct {
	fastWeight, slowWeight float64
	fast, slow             float64
	scale                  float64
	usual                  float64   // the moving quantile of deviations, in scales
	first                  []float64 // deviations of the warm-up, nil behind it
	up, down               float64   // factors of the quantile's steps
}

func newBand(opts *Options, fast, slow float64) band {
	return band{
		fastWeight: fast, slowWeight: slow, usual: opts.Usual, first: make([]float64, 0, opts.Warmup),
		up: math.Exp(opts.Step * opts.Quantile), down: math.Exp(-opts.Step * (1 - opts.Quantile)),
	}
}

// observe takes the n-th value, from 1, and returns the deviation in scales
// and how many times the usual one that is; both are 0 in the warm-up.
func (b *band) observe(opts *Options, n int, x float64) (deviation, unusual float64) {
	if n == 1 {
		b.fast, b.slow = x, x
	}
	fast, slow := b.fastWeight, b.slowWeight
	// Young levels are plain averages.
	if n < 1/longTime {
		young := 1 / float64(n)
		fast, slow = max(fast, young), max(slow, young)
	}
	b.fast += fast * (x - b.fast)
	if b.first != nil {
		b.warmUp(opts)
		b.slow += slow * (x - b.slow)
		return 0, 0
	}
	scale := b.floored()
	r := min(math.Abs(b.fast-b.slow)/scale, maxScore)
	unusual = r / b.usual
	b.scale = scale * math.Sqrt(1+opts.Scale*(rho(r)-1))
	if r > b.usual {
		b.usual *= b.up
	} else {
		b.usual = max(b.usual*b.down, opts.Usual)
	}
	reach := opts.Clip * scale
	b.slow += slow * max(-reach, min(reach, x-b.slow))
	return r, unusual
}

// floored is the scale with a floor, so that a series that never changes does
// not make an anomaly of its first rounding difference.
func (b *band) floored() float64 {
	return max(b.scale, floor(b.slow))
}

// floor is the least difference that means anything between values of a size.
func floor(size float64) float64 {
	const relative, absolute = 1e-3, 1e-9
	return max(relative*math.Abs(size), absolute)
}

// warmUp starts from the median deviation, which survives odd values among
// the first.
func (b *band) warmUp(opts *Options) {
	b.first = append(b.first, math.Abs(b.fast-b.slow))
	if len(b.first) < opts.Warmup {
		return
	}
	const normal = 1.4826 // makes the median deviation a standard deviation
	slices.Sort(b.first)
	b.scale = normal * b.first[len(b.first)/2]
	b.first = nil
}

// The constants of the bounded biweight: how many scales are still believed,
// and the factor that makes the scale right for normal noise.
const (
	believable = 2.0
	biweight   = 2.52
)

func rho(r float64) float64 {
	if r > believable {
		return biweight
	}
	u := 1 - (r/believable)*(r/believable)
	return biweight * (1 - u*u*u)
}
