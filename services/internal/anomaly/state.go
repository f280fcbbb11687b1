package anomaly

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// stateVersion is the first byte of an encoded state. It goes up with every
// change of what is kept or of what a kept number means.
const stateVersion = 2

// ErrState is returned, wrapped, for bytes that are not a state of this version.
var ErrState = errors.New("not a detector's state of this version")

// MarshalBinary writes everything the detector knows: a detector that reads it
// goes on as this one would. It never fails. Times are kept in microseconds, numbers as
// they are, counts as varints (encoding/binary), and of the histograms what is not zero.
func (d *Detector) MarshalBinary() ([]byte, error) {
	w := writer{out: []byte{stateVersion}}
	w.count(d.seen, d.quiet, d.flat.run, d.flat.longest, d.flat.runs, d.gaps.seen)
	w.numbers(d.loud, d.before, d.gaps.usual, d.gaps.longest)
	if d.seen > 0 {
		w.out = binary.AppendVarint(w.out, d.last.UnixMicro())
		w.out = binary.AppendVarint(w.out, d.flat.since.UnixMicro())
	}
	s := &d.series
	w.numbers(s.before, s.scatter.variance)
	w.count(s.hour)
	for _, l := range s.levels() {
		w.count(int(l.count))
		if l.count > 0 {
			w.numbers(l.mean)
		}
	}
	for i := range s.rarities {
		w.rarity(&s.rarities[i])
	}
	return w.out, nil
}

// levels are all means of the series, in the order of the state.
func (s *series) levels() []*level {
	all := make([]*level, 0, 6+hoursOfDay+hoursOfWeek)
	all = append(all, &s.recent, &s.ten, &s.forty, &s.long, &s.scatter.level, &s.hourly)
	for i := range s.day {
		all = append(all, &s.day[i])
	}
	for i := range s.week {
		all = append(all, &s.week[i])
	}
	return all
}

type writer struct{ out []byte }

func (w *writer) count(all ...int) {
	for _, n := range all {
		w.out = binary.AppendUvarint(w.out, uint64(max(0, n)))
	}
}

func (w *writer) numbers(all ...float64) {
	for _, x := range all {
		w.out = binary.LittleEndian.AppendUint64(w.out, math.Float64bits(x))
	}
}

// rarity writes the warm-up of one, or its scale and runs of places: how many are
// empty, how many follow, and these.
func (w *writer) rarity(r *rarity) {
	if r.first != nil {
		w.count(1, len(r.first))
		w.numbers(r.first...)
		return
	}
	w.count(0)
	w.numbers(r.middle, r.scale)
	for at := 0; at < places; {
		empty := at
		for at < places && r.counts[at] == 0 {
			at++
		}
		full := at
		for at < places && r.counts[at] > 0 {
			at++
		}
		w.count(full-empty, at-full)
		for _, n := range r.counts[full:at] {
			w.count(int(n))
		}
	}
}

// Resume returns the detector that wrote the state, with the options it had.
// The error wraps ErrState.
func Resume(opts Options, state []byte) (*Detector, error) {
	if len(state) == 0 || state[0] != stateVersion {
		return nil, fmt.Errorf("%w: it does not begin with the version %d", ErrState, stateVersion)
	}
	d := New(opts)
	r := reader{in: state[1:]}
	for _, to := range []*int{&d.seen, &d.quiet, &d.flat.run, &d.flat.longest, &d.flat.runs, &d.gaps.seen} {
		*to = r.count(math.MaxInt32)
	}
	for _, to := range []*float64{&d.loud, &d.before, &d.gaps.usual, &d.gaps.longest} {
		*to = r.number()
	}
	if d.seen > 0 {
		d.last, d.flat.since = r.time(), r.time()
	}
	s := &d.series
	s.before, s.scatter.variance, s.hour = r.number(), r.number(), r.count(hoursOfWeek-1)
	for _, l := range s.levels() {
		if l.count = uint32(r.count(math.MaxInt32)); l.count > 0 { //nolint:gosec // bounded
			l.mean = r.number()
		}
	}
	for i := range s.rarities {
		r.rarity(&s.rarities[i])
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case len(r.in) > 0:
		return nil, fmt.Errorf("%w: %d bytes follow it", ErrState, len(r.in))
	case s.scatter.variance < 0:
		return nil, fmt.Errorf("%w: the variance %g", ErrState, s.scatter.variance)
	}
	return d, nil
}

// reader reads a state; behind the first error it gives zeros.
type reader struct {
	in  []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(format, args...))
	}
	r.in = nil
}

func (r *reader) count(most uint64) int {
	n, size := binary.Uvarint(r.in)
	if size <= 0 || n > most {
		r.fail("a count is cut off or too large")
		return 0
	}
	r.in = r.in[size:]
	return int(n) //nolint:gosec // bounded
}

// number refuses what no detector comes to, and what would never leave it again.
func (r *reader) number() float64 {
	const size = 8
	if len(r.in) < size {
		r.fail("a number is cut off")
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(r.in))
	r.in = r.in[size:]
	if math.IsNaN(x) || math.IsInf(x, 0) {
		r.fail("the number %g", x)
		return 0
	}
	return x
}

func (r *reader) time() time.Time {
	micros, size := binary.Varint(r.in)
	if size <= 0 {
		r.fail("a time is cut off")
		return time.Time{}
	}
	r.in = r.in[size:]
	return time.UnixMicro(micros).UTC()
}

func (r *reader) rarity(to *rarity) {
	if r.count(1) == 1 {
		n := r.count(uint64(max(0, cap(to.first)-1)))
		for range n {
			to.first = append(to.first, r.number())
		}
		return
	}
	to.first = nil
	to.middle, to.scale = r.number(), r.number()
	if !(to.scale > 0) {
		r.fail("the scale %g", to.scale)
	}
	for at := 0; at < places && r.err == nil; {
		empty := r.count(places)
		full := r.count(places)
		if at+empty+full > places {
			r.fail("a histogram is too long")
			return
		}
		if empty+full == 0 {
			r.fail("a histogram does not end")
			return
		}
		at += empty
		for range full {
			to.counts[at] = uint32(r.count(2 * aged * unit)) //nolint:gosec // bounded
			at++
		}
	}
	to.sum()
	if to.count > 2*aged*unit {
		r.fail("a histogram of %d", to.count/unit)
	}
}
