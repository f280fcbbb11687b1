// Package generate makes believable sensor readings with known anomalies from
// a seed, for tests and demonstrations that have no real data at hand.
package generate

import (
	"math"
	"math/rand/v2"
	"time"
)

// Options say what to make; equal options make equal points.
type Options struct {
	Seed     uint64
	Count    int
	Start    time.Time
	Interval time.Duration
}

// Point is one generated value. Label is empty, or names the anomaly that
// begins with it.
type Point struct {
	Time  time.Time
	Value float64
	Label string
}

// spacing is the readings from one anomaly to the next, with some play. The
// first comes after one spacing, so that a detector has settled.
const spacing = 500

// Points makes a machine's temperature: a daily wave and noise, disturbed now
// and then by a spike, a drop or a change of level that stays.
func Points(o Options) []Point {
	random := rand.New(rand.NewPCG(o.Seed, 0x5e_05_0b)) //nolint:gosec // reproducible on purpose
	const base, wave, noise = 80.0, 2.0, 0.4
	level := base
	next := spacing + random.IntN(spacing/5)
	points := make([]Point, o.Count)
	for i := range points {
		at := o.Start.Add(time.Duration(i) * o.Interval)
		day := float64(at.Sub(o.Start)) / float64(24*time.Hour)
		value := level + wave*math.Sin(2*math.Pi*day) + noise*random.NormFloat64()
		label := ""
		if i == next {
			next += spacing + random.IntN(spacing/5)
			size := 15 + 10*random.Float64()
			switch random.IntN(3) {
			case 0:
				label = "spike"
				value += size
			case 1:
				label = "drop"
				value -= size
			default:
				label = "shift"
				// Back towards the base, so that a long series stays believable.
				if level > base {
					size = -size
				}
				level += size
				value += size
			}
		}
		points[i] = Point{Time: at, Value: math.Round(value*1000) / 1000, Label: label}
	}
	return points
}
