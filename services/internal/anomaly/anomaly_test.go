package anomaly_test

import (
	"math"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/generate"
)

// TestGenerated holds the detector to the generator's labels: nearly every
// anomaly is found on the reading it begins with, and nearly nothing else is.
func TestGenerated(t *testing.T) {
	t.Parallel()
	var labelled, found, other int
	for seed := range uint64(20) {
		d := anomaly.New(anomaly.Default())
		for _, p := range generate.Points(generate.Options{Seed: seed, Count: 5000, Interval: 5 * time.Minute}) {
			odd := len(d.Observe(p.Time, p.Value, nil)) > 0
			switch {
			case p.Label != "" && odd:
				found++
				labelled++
			case p.Label != "":
				labelled++
			case odd:
				other++
			}
		}
	}
	t.Logf("%d of %d anomalies found, %d false alarms in 100000 readings", found, labelled, other)
	if found < labelled*85/100 {
		t.Errorf("found %d of %d labelled anomalies", found, labelled)
	}
	if other > labelled/20 {
		t.Errorf("%d false alarms for %d anomalies", other, labelled)
	}
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestObserve(t *testing.T) {
	t.Parallel()
	wave := func(i int) float64 { return 20 + math.Sin(float64(i)/7) }
	tests := map[string]struct {
		value func(i int) float64
		want  []int // where anomalies begin
	}{
		"quiet":                         {value: wave},
		"constant":                      {value: func(int) float64 { return 5 }},
		"constant zero":                 {value: func(int) float64 { return 0 }},
		"spike in the warm-up":          {value: func(i int) float64 { return wave(i) + spike(i, 10) }},
		"spike":                         {value: func(i int) float64 { return wave(i) + spike(i, 150) }, want: []int{150}},
		"two spikes far apart":          {value: func(i int) float64 { return wave(i) + spike(i, 150) - 2*spike(i, 400) }, want: []int{150, 400}},
		"two spikes together are one":   {value: func(i int) float64 { return wave(i) + spike(i, 150) - spike(i, 170) }, want: []int{150}},
		"a level that stays is one":     {value: func(i int) float64 { return wave(i) + step(i, 150) }, want: []int{150}},
		"a habit is one, once":          {value: func(i int) float64 { return wave(i) + 30*float64(i%10/9) }, want: []int{109}},
		"a small change that stays":     {value: func(i int) float64 { return 20 + float64(i*7919%13) + step(i, 400)/4 }, want: []int{401}},
		"not finite is not observed":    {value: func(i int) float64 { return wave(i) + spike(i, 150)*math.Inf(1) }, want: nil},
		"the largest numbers there are": {value: func(i int) float64 { return math.MaxFloat64 * math.Cos(math.Pi*float64(i)) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := anomaly.New(anomaly.Default())
			var got []int
			for i := range 700 {
				for _, f := range d.Observe(start.Add(time.Duration(i)*time.Minute), test.value(i), nil) {
					if !(f.Score > 0) || math.IsInf(f.Score, 0) {
						t.Fatalf("score %v at %d", f.Score, i)
					}
					got = append(got, i)
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("anomalies at %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Fatalf("anomalies at %v, want %v", got, test.want)
				}
			}
		})
	}
}

func spike(i, at int) float64 {
	if i == at {
		return 30
	}
	return 0
}

func step(i, at int) float64 {
	if i >= at {
		return 30
	}
	return 0
}
