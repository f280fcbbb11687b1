package anomaly

import (
	"math"
	"slices"
)

// The histogram of a rarity: perOctave places for each doubling of the distance from
// the middle, octaves of them on each side.
const (
	perOctave = 8
	octaves   = 22
	side      = perOctave * octaves
	places    = 2 * side
	coarse    = 16 // places that are summed up together
)

// A count is held in units, so that it can be halved a few times before it is gone:
// what was seen once is remembered for about five times aged observations.
const (
	unit = 16
	aged = 20_000
)

// decade is by how many places a number that is beyond all before it lies further
// out for each power of ten that it is rarer: a fifth of a natural logarithm.
const decade = perOctave * 0.2 / math.Ln2

// The surprise of a number that is rare and apart from the bulk: what lies behind a wide
// empty stretch of the histogram is odd although it came before, as a second spike of
// the same size is.
const (
	apartShare = 100  // the rarest hundredth on a side is not the bulk
	apartFrom  = 4    // empty places, half a doubling, that are not apart yet
	apartEach  = 0.25 // surprise for each place more
	apartMost  = 1.5  // in all
	apartRare  = 2.0  // surprise from which it is asked for
)

// young is the number of observations from which half is made of what lies beyond
// them, or apart: a short past says little of what else is usual.
const young = 100

// common is the share from which a number is not rare at all: its surprise is 0.
const common = 0.1

// normal makes the median of distances the standard deviation of a normal noise.
const normal = 1.4826

// rarity knows how often numbers of one kind come, and says how rare a new one is.
type rarity struct {
	first         []float64 // of the warm-up, nil behind it
	middle, scale float64
	count         uint32 // of observations, in units
	counts        [places]uint32
	sums          [places / coarse]uint32
}

func newRarity(opts *Options) rarity { return rarity{first: make([]float64, 0, opts.Warmup)} }

// seen is what a rarity says of one number.
type seen struct {
	// surprise is minus the decimal logarithm of the share of numbers before it that
	// lie at least as far out on its side; 0 in the warm-up, and for one in ten or more.
	surprise float64
	// high is the side, and record says that no number before it lay as far out.
	high, record bool
}

// observe judges a number and counts it.
func (r *rarity) observe(x float64) (s seen) {
	if r.first != nil {
		r.warmUp(x)
		return s
	}
	exact := position((x - r.middle) / r.scale)
	at := place(exact)
	s = r.judge(at, exact)
	r.add(at)
	return s
}

// judge says how rare a number is that lies at a place, exactly at exact.
func (r *rarity) judge(at int, exact float64) (s seen) {
	above, below := r.beyond(at)
	s.high = above < below
	further, own := min(above, below), r.counts[at]
	// Half of those in the same place lie further out, and one that has not come yet.
	p := (float64(further) + float64(own)/2 + unit/2) / float64(r.count+unit)
	if p > common {
		return s
	}
	s.surprise = -math.Log10(p)
	if further > 0 || own > 0 {
		if s.surprise > apartRare {
			s.surprise += r.trust() * min(apartMost, apartEach*max(0, float64(r.empty(at, further+own, s.high)-apartFrom)))
		}
		return s
	}
	s.record = true
	if s.high {
		s.surprise += r.trust() * max(0, exact-float64(r.last()+1-side)) / decade
	} else {
		s.surprise += r.trust() * max(0, float64(r.firstPlace()-side)-exact) / decade
	}
	s.surprise = min(s.surprise, maxSurprise)
	return s
}

// trust is the share that is made of what the counts themselves do not say.
func (r *rarity) trust() float64 {
	n := float64(r.count) / unit
	return n / (n + young)
}

// beyond counts what lies above and below a place.
func (r *rarity) beyond(at int) (above, below uint32) {
	group := at / coarse
	for _, n := range r.sums[group+1:] {
		above += n
	}
	for _, n := range r.counts[at+1 : (group+1)*coarse] {
		above += n
	}
	return above, r.count - above - r.counts[at]
}

// empty is the longest empty stretch between a place, at which and beyond which mass
// lies, and the bulk.
func (r *rarity) empty(at int, mass uint32, high bool) int {
	step := 1
	if high {
		step = -1
	}
	run, longest := 0, 0
	for i := at + step; i >= 0 && i < places && mass <= r.count/apartShare; i += step {
		if r.counts[i] > 0 {
			mass += r.counts[i]
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

func (r *rarity) last() int {
	for at := places - 1; at > 0; at-- {
		if r.counts[at] > 0 {
			return at
		}
	}
	return 0
}

func (r *rarity) firstPlace() int {
	for at, n := range r.counts {
		if n > 0 {
			return at
		}
	}
	return places - 1
}

// add counts a number at a place.
func (r *rarity) add(at int) {
	r.counts[at] += unit
	r.sums[at/coarse] += unit
	r.count += unit
	if r.count < aged*unit {
		return
	}
	for i, n := range r.counts {
		r.counts[i] = n / 2
	}
	r.sum()
}

// sum makes the sums of the counts.
func (r *rarity) sum() {
	r.count, r.sums = 0, [places / coarse]uint32{}
	for i, n := range r.counts {
		r.count += n
		r.sums[i/coarse] += n
	}
}

// warmUp begins with the median and the median distance from it, which survive odd
// numbers among the first.
func (r *rarity) warmUp(x float64) {
	r.first = append(r.first, x)
	if len(r.first) < cap(r.first) {
		return
	}
	sorted := slices.Clone(r.first)
	slices.Sort(sorted)
	r.middle = sorted[len(sorted)/2]
	mean := 0.0
	for i, x := range sorted {
		sorted[i] = math.Abs(x - r.middle)
		mean += sorted[i] / float64(len(sorted))
	}
	slices.Sort(sorted)
	// Where most numbers are the same, the others set the scale.
	r.scale = max(normal*sorted[len(sorted)/2], mean/2, floor(r.middle))
	for _, x := range r.first {
		at := place(position((x - r.middle) / r.scale))
		r.counts[at] += unit
	}
	r.first = nil
	r.sum()
}

// floor is the least difference that means anything between numbers of a size.
func floor(size float64) float64 {
	const relative, absolute = 1e-3, 1e-9
	return max(relative*math.Abs(size), absolute)
}

// position is where a distance from the middle, in scales, lies in the histogram, from
// its middle: the logarithm to the base 2 of 1 and the distance, straight between the
// powers of 2, which are the bits of a floating-point number.
func position(z float64) float64 {
	const mantissa = 52
	bits := math.Float64bits(1+math.Abs(z)) - math.Float64bits(1)
	p := float64(bits) * (perOctave / float64(1<<mantissa))
	if z < 0 {
		return -p
	}
	return p
}

func place(position float64) int {
	return max(0, min(places-1, int(math.Floor(position))+side))
}
