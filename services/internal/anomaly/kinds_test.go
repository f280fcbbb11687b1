package anomaly_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
)

// TestKinds has one disturbance of each kind in a month of readings with a
// daily wave, and wants that one named and hardly any other.
func TestKinds(t *testing.T) {
	t.Parallel()
	const (
		count = 8000
		at    = 7001 // a moment at which the wave is near its top
		step  = 5 * time.Minute
	)
	type found struct {
		place, from int
		kind        anomaly.Kind
	}
	tests := map[string]struct {
		wave   float64 // half the height of the daily wave
		change func(i int, x float64) float64
		missed func(i int) bool
		want   []found
	}{
		"nothing": {wave: 10},
		"level, within the range": {
			change: func(i int, x float64) float64 { return x + only(i < 300, 3*float64(i%2)) + only(i >= at, 2.5) },
			want:   []found{{at, at, anomaly.Level}},
		},
		"season: the bottom of the wave where its top should be": {
			wave: 10, change: func(i int, x float64) float64 { return x - only(at <= i && i < at+40, float64(i-at+1)/2) },
			want: []found{{at + 7, at + 7, anomaly.Season}},
		},
		"out of range": {
			wave: 10, change: func(i int, x float64) float64 { return x + only(i == at, 40) },
			want: []found{{at, at, anomaly.OutOfRange}},
		},
		"rate of change within the range": {
			wave: 10, change: func(i int, x float64) float64 { return x - only(at <= i && i < at+3, 15) },
			want: []found{{at, at - 1, anomaly.Rate}},
		},
		"flatline": {
			change: func(i int, x float64) float64 {
				if at <= i && i < at+100 {
					return 50
				}
				return x
			},
			want: []found{{at + 29, at, anomaly.Flatline}},
		},
		"gap": {
			wave: 10, missed: func(i int) bool { return at <= i && i < at+20 },
			want: []found{{at + 20, at - 1, anomaly.Gap}},
		},
		"a gap each night is a habit, once": {
			missed: func(i int) bool { return i%288 < 100 },
			want:   []found{{388, 287, anomaly.Gap}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			d := anomaly.New(anomaly.Default())
			var got []found
			for i := range count {
				moment := start.Add(time.Duration(i) * step)
				x := 50 - test.wave*math.Cos(2*math.Pi*float64(i)/288+math.Pi/10) + 0.1*max(-2, min(2, random.NormFloat64()))
				if test.change != nil {
					x = test.change(i, x)
				}
				if test.missed != nil && test.missed(i) {
					continue
				}
				for _, f := range d.Observe(moment, x, nil) {
					if f.Score < 1 {
						t.Errorf("score %v", f.Score)
					}
					got = append(got, found{i, int(f.From.Sub(start) / step), f.Kind})
				}
			}
			for _, want := range test.want {
				if !slices.Contains(got, want) {
					t.Errorf("found %v, want %v", got, want)
				}
			}
			// Of noise, one reading in some thousands is as rare as an anomaly.
			if other := len(got) - len(test.want); other > 3 {
				t.Errorf("found %v, of which %d are nothing", got, other)
			}
		})
	}
}

func only(when bool, x float64) float64 {
	if when {
		return x
	}
	return 0
}

// TestLateReading wants nothing said of time where time goes back.
func TestLateReading(t *testing.T) {
	t.Parallel()
	d := anomaly.New(anomaly.Default())
	for i := range 1000 {
		at := start.Add(-time.Duration(i) * time.Hour)
		if found := d.Observe(at, math.Sin(float64(i)/7), nil); len(found) > 0 {
			t.Errorf("reading %d: %v", i, found)
		}
	}
}
