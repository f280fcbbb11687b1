package anomaly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// stateVersion is the first byte of an encoded state. It goes up with every
// change of what is kept or of what a kept number means.
const stateVersion = 1

// ErrState is returned, wrapped, for bytes that are no state of this version.
var ErrState = errors.New("not a detector's state of this version")

// kept is what a state holds in front of the deviations of bands that are
// still warming up: fixed sizes, little-endian, in this order.
type kept struct {
	Seen, Quiet uint64
	Observed    bool // whether Last holds a time
	Last        int64
	Before      float64

	Spikes, Shifts, Rates, Rest keptBand

	Low, High float64 // the range

	Run, Longest uint64 // equal values
	Since        int64

	Intervals          uint64
	Usual, LongestTime float64

	Levels [hours]float64
	Days   [hours]uint8
	Hour   uint8
	Count  uint64
	Sum    float64
	Left   uint64
	Strong bool
}

type keptBand struct {
	Fast, Slow, Scale, Usual float64
	Warming                  bool
	First                    uint16 // deviations that follow behind
}

// MarshalBinary writes everything the detector knows: a detector that reads it
// goes on as this one would. It never fails. Times are kept in microseconds.
func (d *Detector) MarshalBinary() ([]byte, error) {
	k := kept{
		Seen: count(d.seen), Quiet: count(d.quiet), Observed: d.seen > 0, Before: d.before,
		Low: d.span.low, High: d.span.high,
		Run: count(d.flat.run), Longest: count(d.flat.longest),
		Intervals: count(d.gaps.seen), Usual: d.gaps.usual, LongestTime: d.gaps.longest,
		Levels: d.season.levels, Hour: uint8(d.season.hour), Count: count(d.season.count), Sum: d.season.sum, //nolint:gosec // 0 to 23
		Left: count(d.season.seen), Strong: d.season.strong,
	}
	if k.Observed {
		k.Last, k.Since = d.last.UnixMicro(), d.flat.since.UnixMicro()
	}
	for hour, days := range d.season.days {
		k.Days[hour] = uint8(days) //nolint:gosec // up to 10
	}
	bands := d.bands()
	for i, to := range k.bands() {
		b := bands[i]
		*to = keptBand{
			Fast: b.fast, Slow: b.slow, Scale: b.scale, Usual: b.usual,
			Warming: b.first != nil, First: uint16(len(b.first)), //nolint:gosec // up to the warm-up
		}
	}
	out := []byte{stateVersion}
	out, err := binary.Append(out, binary.LittleEndian, k)
	for _, b := range bands {
		if err == nil {
			out, err = binary.Append(out, binary.LittleEndian, b.first)
		}
	}
	return out, err
}

// Resume returns the detector that wrote the state, with the options it had.
// The error wraps ErrState.
func Resume(opts Options, state []byte) (*Detector, error) {
	if len(state) == 0 || state[0] != stateVersion {
		return nil, fmt.Errorf("%w: it does not begin with the version %d", ErrState, stateVersion)
	}
	in := bytes.NewReader(state[1:])
	var k kept
	if err := binary.Read(in, binary.LittleEndian, &k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	d := New(opts)
	d.seen, d.quiet, d.before = int(k.Seen), int(k.Quiet), k.Before //nolint:gosec // checked below
	d.span = span{low: k.Low, high: k.High}
	d.flat = flat{run: int(k.Run), longest: int(k.Longest)}                       //nolint:gosec // checked below
	d.gaps = gaps{seen: int(k.Intervals), usual: k.Usual, longest: k.LongestTime} //nolint:gosec // checked below
	s := &d.season
	s.levels, s.hour, s.sum, s.strong = k.Levels, int(k.Hour), k.Sum, k.Strong
	s.count, s.seen = int(k.Count), int(k.Left) //nolint:gosec // checked below
	for hour, days := range k.Days {
		s.days[hour] = int(days)
	}
	if k.Observed {
		d.last, d.flat.since = time.UnixMicro(k.Last).UTC(), time.UnixMicro(k.Since).UTC()
	}
	bands := d.bands()
	for i, from := range k.bands() {
		if err := bands[i].resume(opts, from, in); err != nil {
			return nil, err
		}
	}
	if in.Len() > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow it", ErrState, in.Len())
	}
	return d, d.check()
}

// resume takes what was kept of the band, and the deviations of its warm-up
// from in.
func (b *band) resume(opts Options, k *keptBand, in io.Reader) error {
	b.fast, b.slow, b.scale, b.usual = k.Fast, k.Slow, k.Scale, k.Usual
	if int(k.First) >= opts.Warmup || k.First > 0 && !k.Warming {
		return fmt.Errorf("%w: a warm-up of %d readings", ErrState, k.First)
	}
	if !k.Warming {
		b.first = nil
		return nil
	}
	b.first = b.first[:k.First]
	if err := binary.Read(in, binary.LittleEndian, b.first); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

// check refuses numbers that no detector comes to, and that would never leave
// it again.
func (d *Detector) check() error {
	for _, n := range []int{d.seen, d.quiet, d.flat.run, d.flat.longest, d.gaps.seen, d.season.count, d.season.seen} {
		if n < 0 {
			return fmt.Errorf("%w: the count %d", ErrState, n)
		}
	}
	if d.season.hour >= hours {
		return fmt.Errorf("%w: the hour %d", ErrState, d.season.hour)
	}
	numbers := append([]float64{d.before, d.span.low, d.span.high, d.gaps.usual, d.gaps.longest, d.season.sum}, d.season.levels[:]...)
	for _, b := range d.bands() {
		if b.scale < 0 || b.usual < d.opts.Usual {
			return fmt.Errorf("%w: the scale %g and the usual deviation %g", ErrState, b.scale, b.usual)
		}
		numbers = append(append(numbers, b.fast, b.slow, b.scale, b.usual), b.first...)
	}
	for _, x := range numbers {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: the number %g", ErrState, x)
		}
	}
	return nil
}

func (d *Detector) bands() [4]*band {
	return [4]*band{&d.spikes, &d.shifts, &d.rates, &d.season.rest}
}

func (k *kept) bands() [4]*keptBand {
	return [4]*keptBand{&k.Spikes, &k.Shifts, &k.Rates, &k.Rest}
}

func count(n int) uint64 { return uint64(max(0, n)) }
