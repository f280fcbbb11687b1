package anomaly_test

import (
	"math"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/generate"
)

// TestGenerated holds the detector to the generator's labels, in series of different
// habits: most anomalies are found on the reading they begin with, and few others.
func TestGenerated(t *testing.T) {
	t.Parallel()
	for _, habit := range generate.Habits() {
		t.Run(habit.String(), func(t *testing.T) {
			t.Parallel()
			var labelled, found, other, readings int
			for seed := range uint64(20) {
				d := anomaly.New(anomaly.Default())
				for _, p := range generate.Points(generate.Options{Seed: seed, Count: 5000, Interval: 5 * time.Minute, Habit: habit}) {
					odd := len(d.Observe(p.Time, p.Value, nil)) > 0
					readings++
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
			t.Logf("%d of %d anomalies found, %d false alarms in %d readings", found, labelled, other, readings)
			least, most := labelled*170/174, readings*6/10_000
			if habit == generate.Weekly {
				most = readings * 8 / 10_000 // the first weekend is new
			}
			if found < least || other > most {
				t.Errorf("want at least %d found, at most %d false alarms", least, most)
			}
		})
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
		"a habit is none":               {value: func(i int) float64 { return wave(i) + 30*float64(i%10/9) }},
		"a small change that stays":     {value: func(i int) float64 { return 20 + float64(i*7919%13) + step(i, 400)/4 }, want: []int{400}},
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

func BenchmarkObserve(b *testing.B) {
	d := anomaly.New(anomaly.Default())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.Observe(start.Add(time.Duration(i)*time.Minute), float64(i%97), nil)
		i++
	}
}

// TestLateReadings has a file whose newest reading comes first, and readings that come
// behind their time: the clock must not go back, and nothing is said of them.
func TestLateReadings(t *testing.T) {
	t.Parallel()
	d := anomaly.New(anomaly.Default())
	at := start
	for i := range 500 {
		at = start.Add(time.Duration(i) * time.Minute)
		d.Observe(at, math.Sin(float64(i)/7), nil)
	}
	for i := range 300 {
		if found := d.Observe(start.Add(-time.Duration(i)*time.Hour), 1e6, nil); len(found) > 0 {
			t.Fatalf("a late reading is an anomaly: %v", found)
		}
	}
	if !d.Last().Equal(at) {
		t.Errorf("the clock went back to %s", d.Last())
	}
	found := d.Observe(at.Add(3*time.Hour), 0, nil)
	if len(found) != 1 || found[0].Kind != anomaly.Gap || !found[0].From.Equal(at) {
		t.Errorf("the gap behind late readings: %v", found)
	}
}

// TestWhy wants a sentence that a person can act on.
func TestWhy(t *testing.T) {
	t.Parallel()
	d := anomaly.New(anomaly.Default())
	var found []anomaly.Finding
	for i := range 1000 {
		found = d.Observe(start.Add(time.Duration(i)*time.Minute), 20+math.Sin(float64(i)/7)+spike(i, 900), found)
	}
	const want = "the value is above all before it, and it rose from the reading before as rarely (less than one reading in a million)"
	if len(found) != 1 || found[0].Why != want {
		t.Errorf("found %v, want %q", found, want)
	}
}
