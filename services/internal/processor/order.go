package processor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sensor-backend/services/internal/reading"
)

// maxWaiting is how many readings of a file wait to be put in the order of time: files
// come newest first, shuffled, and with several sensors in each other's way. Beyond
// that, the older half of each series is looked at, and what comes later and is older
// is late for the detector.
const maxWaiting = 1 << 18

// waiting are the readings of one series that the detector has not seen yet.
type waiting struct {
	all      []observation
	shuffled bool // they are not in the order of time
}

type observation struct {
	micros int64 // since 1970, which is as exact as a reading is
	value  float64
}

func (o observation) at() time.Time { return time.UnixMicro(o.micros).UTC() }

func (w *waiting) add(at time.Time, value float64) {
	o := observation{at.UnixMicro(), value}
	if n := len(w.all); n > 0 && o.micros < w.all[n-1].micros {
		w.shuffled = true
	}
	w.all = append(w.all, o)
}

// sort puts them in the order of time; of two at the same time the one that came first
// stays first.
func (w *waiting) sort() {
	if w.shuffled {
		slices.SortStableFunc(w.all, func(a, b observation) int { return cmp.Compare(a.micros, b.micros) })
		w.shuffled = false
	}
}

// wait lets a reading wait for those before it.
func (c *collector) wait(r *reading.Reading, w *series) {
	w.waiting.add(r.Timestamp, r.Value)
	if c.waiting++; c.waiting >= maxWaiting {
		c.observeAll(func(n int) int { return n / 2 })
	}
}

// observeAll shows the detectors of all series their oldest waiting readings, as many
// of n as part says.
func (c *collector) observeAll(part func(n int) int) {
	c.waiting = 0
	for _, name := range slices.SortedFunc(maps.Keys(c.series), compareSeries) {
		w := c.series[name]
		w.waiting.sort()
		n := part(len(w.waiting.all))
		for _, o := range w.waiting.all[:n] {
			c.observe(name, o, w.detector(o.at()))
		}
		left := copy(w.waiting.all, w.waiting.all[n:])
		w.waiting.all = w.waiting.all[:left]
		c.waiting += left
	}
}

func compareSeries(a, b Series) int {
	return cmp.Or(cmp.Compare(a.SensorID, b.SensorID), cmp.Compare(a.Metric, b.Metric))
}
