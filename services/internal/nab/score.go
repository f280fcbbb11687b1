// Package nab scores detectors on labelled series as the Numenta Anomaly Benchmark does:
// A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta
// Anomaly Benchmark", ICMLA 2015, section II. Start with Series.Score and Part.Score.
package nab

import (
	"math"
	"time"
)

// Series is one file of a benchmark.
type Series struct {
	// Name is its path in the benchmark.
	Name   string
	Times  []time.Time
	Values []float64
	// Windows are the places of the first and the last reading of each labelled window,
	// in order.
	Windows [][2]int
}

// Profile weighs what an application minds.
type Profile struct {
	Name string
	// FalsePositive is what an alarm outside any window costs at most, FalseNegative
	// what a window without one costs; an early alarm in a window earns up to 1.
	FalsePositive, FalseNegative float64
}

// Profiles are those of the benchmark (its config/profiles.json): standard, few false
// alarms, few missed windows.
func Profiles() []Profile {
	return []Profile{{"standard", 0.11, 1}, {"low FP", 0.22, 1}, {"low FN", 0.11, 2}}
}

// Part is what a detector did on some series under a profile.
type Part struct {
	// Raw is the sum of what was earned and what it cost.
	Raw float64
	// Windows is how many count, Found in how many there was an alarm, and False how
	// many alarms there were outside; Rows is how many readings there were.
	Windows, Found, False, Rows int
}

// Add adds another part.
func (p Part) Add(other Part) Part {
	return Part{p.Raw + other.Raw, p.Windows + other.Windows, p.Found + other.Found, p.False + other.False, p.Rows + other.Rows}
}

// Score is 0 for a detector that never alarms and 100 for one that alarms at the
// beginning of each window and nowhere else.
func (p Part) Score(by Profile) float64 {
	none := -by.FalseNegative * float64(p.Windows)
	return 100 * (p.Raw - none) / (float64(p.Windows) - none)
}

// FalseRate is the false alarms in 1,000 readings.
func (p Part) FalseRate() float64 { return 1000 * float64(p.False) / float64(max(1, p.Rows)) }

// learning is how many readings are for learning and are not scored: 15 % of at most
// 5,000.
func (s Series) learning() int {
	const share, most = 0.15, 5000
	return int(share * float64(min(len(s.Values), most)))
}

// sigmoid is the benchmark's: 1 far before the end of a window, -1 far behind it.
func sigmoid(y float64) float64 { return 2/(1+math.Exp(5*y)) - 1 }

// Score scores alarms, by their places. Of the alarms in a window the earliest counts,
// the more the earlier; one behind a window costs the more the further it is behind.
func (s Series) Score(alarms []int, by Profile) Part {
	const far = 3 // widths behind a window at which an alarm costs all
	learning := s.learning()
	p := Part{Rows: len(s.Values)}
	earned := make(map[int]float64, len(s.Windows))
	for _, at := range alarms {
		if at < learning {
			continue
		}
		inside, before := -1, -1
		for i, w := range s.Windows {
			if w[0] <= at && at <= w[1] {
				inside = i
			}
			if w[1] < at {
				before = i
			}
		}
		switch {
		case inside >= 0:
			w := s.Windows[inside]
			gain := sigmoid(-float64(w[1]-at+1)/float64(w[1]-w[0]+1)) / sigmoid(-1)
			earned[inside] = max(earned[inside], gain)
			continue
		case before < 0:
			p.Raw -= by.FalsePositive
		default:
			w := s.Windows[before]
			cost := -1.0
			if past := float64(at-w[1]) / float64(max(1, w[1]-w[0])); past < far {
				cost = sigmoid(past)
			}
			p.Raw += by.FalsePositive * cost
		}
		p.False++
	}
	for i, w := range s.Windows {
		if w[1] < learning {
			continue
		}
		p.Windows++
		if gain, found := earned[i]; found {
			p.Found++
			p.Raw += gain
		} else {
			p.Raw -= by.FalseNegative
		}
	}
	return p
}
