package nab

import (
	"math"
	"slices"

	"sensor-backend/services/internal/anomaly"
)

// Detector gives the places of its alarms at a threshold.
type Detector struct {
	// Name heads its row.
	Name string
	// Shipped is the threshold that it runs with, and Thresholds what one may choose
	// from.
	Shipped    float64
	Thresholds []float64
	Alarms     func(s Series, threshold float64) []int
}

// Detectors are this project's, and two that everybody writes first.
func Detectors() []Detector {
	between := func(low, high, step float64) (all []float64) {
		for n := range int((high-low)/step) + 1 {
			all = append(all, low+float64(n)*step)
		}
		return all
	}
	return []Detector{
		{"this detector", anomaly.Default().Threshold, between(2, 4.5, 0.1), ours},
		{"moving Gaussian", 4, between(2, 12, 0.5), movingGaussian},
		{"all-time Gaussian", 3, between(2, 12, 0.5), allTimeGaussian},
	}
}

// ours counts the anomalies of values: the benchmark's labels are of values, and a gap
// is not labelled.
func ours(s Series, threshold float64) (alarms []int) {
	options := anomaly.Default()
	options.Threshold = threshold
	d := anomaly.New(options)
	var found []anomaly.Finding
	for i, x := range s.Values {
		found = d.Observe(s.Times[i], x, found[:0])
		if slices.ContainsFunc(found, func(f anomaly.Finding) bool { return f.Kind != anomaly.Gap }) {
			alarms = append(alarms, i)
		}
	}
	return alarms
}

// movingGaussian alarms when a value is beyond so many standard deviations of the 6,400
// before it, once for each run of such values.
func movingGaussian(s Series, threshold float64) (alarms []int) {
	const window, least = 6400, 100
	var n, sum, squares float64
	last := -2
	for i, x := range s.Values {
		if n >= least {
			mean := sum / n
			if math.Abs(x-mean) > threshold*math.Sqrt(max(0, squares/n-mean*mean)) {
				if last != i-1 {
					alarms = append(alarms, i)
				}
				last = i
			}
		}
		n, sum, squares = n+1, sum+x, squares+x*x
		if i >= window {
			gone := s.Values[i-window]
			n, sum, squares = n-1, sum-gone, squares-gone*gone
		}
	}
	return alarms
}

// allTimeGaussian alarms when a value is beyond so many standard deviations of all
// before it, once for each run of such values.
func allTimeGaussian(s Series, threshold float64) (alarms []int) {
	const least = 100
	var n, mean, squares float64
	last := -2
	for i, x := range s.Values {
		if n > least && math.Abs(x-mean) > threshold*math.Sqrt(squares/n) {
			if last != i-1 {
				alarms = append(alarms, i)
			}
			last = i
		}
		n++
		delta := x - mean
		mean += delta / n
		squares += delta * (x - mean)
	}
	return alarms
}
