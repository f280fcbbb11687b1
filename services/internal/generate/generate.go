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
	// Habit is what the series is like beside its daily wave.
	Habit Habit
}

// Habit is how a series behaves that is well.
type Habit int

// The habits.
const (
	Daily   Habit = iota // a daily wave and noise
	Weekly               // quiet weekends
	Trend                // it rises all the time
	Bursts               // now and then some high readings
	Zeros                // nothing most of the time, as a rain gauge
	Missing              // readings are missing here and there
)

// Habits lists them.
func Habits() []Habit { return []Habit{Daily, Weekly, Trend, Bursts, Zeros, Missing} }

// String is its name.
func (h Habit) String() string {
	return [...]string{"daily", "weekly", "trend", "bursts", "zeros", "missing"}[h]
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
	points := make([]Point, 0, o.Count)
	burst := 0
	for i := range o.Count {
		at := o.Start.Add(time.Duration(i) * o.Interval)
		day := float64(at.Sub(o.Start)) / float64(24*time.Hour)
		value := level + wave*math.Sin(2*math.Pi*day) + noise*random.NormFloat64()
		switch o.Habit {
		case Daily:
		case Weekly:
			if weekday := at.UTC().Weekday(); weekday == time.Saturday || weekday == time.Sunday {
				value -= 4 * wave
			}
		case Trend:
			value += 0.5 * day
		case Bursts:
			if burst--; burst < -100 && random.IntN(30) == 0 {
				burst = 3
			}
			if burst > 0 {
				value += 3 + 2*random.Float64()
			}
		case Zeros:
			value = level - base
			if random.IntN(10) == 0 {
				value += 5 * random.Float64()
			}
		case Missing:
			if random.IntN(20) == 0 && i != next {
				continue
			}
		}
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
		points = append(points, Point{Time: at, Value: math.Round(value*1000) / 1000, Label: label})
	}
	return points
}
