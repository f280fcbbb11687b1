package anomaly_test

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/generate"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

// TestGenerated holds the detector to the generator's labels: every anomaly is
// found on the reading it begins with, and nearly nothing else is.
func TestGenerated(t *testing.T) {
	t.Parallel()
	var labelled, found, other int
	for seed := range uint64(20) {
		d := anomaly.New(anomaly.Default())
		for _, p := range generate.Points(generate.Options{Seed: seed, Count: 5000, Interval: 5 * time.Minute}) {
			_, odd := d.Observe(p.Value)
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
	if found != labelled {
		t.Errorf("found %d of %d labelled anomalies", found, labelled)
	}
	if other > labelled/20 {
		t.Errorf("%d false alarms for %d anomalies", other, labelled)
	}
}

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
		"spike":                         {value: func(i int) float64 { return wave(i) + spike(i, 100) }, want: []int{100}},
		"two spikes":                    {value: func(i int) float64 { return wave(i) + spike(i, 100) - spike(i, 120) }, want: []int{100, 120}},
		"a run is one anomaly":          {value: func(i int) float64 { return wave(i) + spike(i, 100) + spike(i, 101) + spike(i, 102) }, want: []int{100}},
		"a level that stays is one":     {value: func(i int) float64 { return wave(i) + step(i, 100) }, want: []int{100}},
		"not finite is not observed":    {value: func(i int) float64 { return wave(i) + spike(i, 100)*math.Inf(1) }, want: nil},
		"the largest numbers there are": {value: func(i int) float64 { return math.MaxFloat64 * math.Cos(math.Pi*float64(i)) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := anomaly.New(anomaly.Default())
			var got []int
			for i := range 300 {
				score, odd := d.Observe(test.value(i))
				if math.IsNaN(score) || math.IsInf(score, 0) || score < 0 {
					t.Fatalf("score %v at %d", score, i)
				}
				if odd {
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

// TestRealMachine reads the labelled industrial data when it is at hand. The
// bound is what a simple detector can do; it guards against getting worse.
func TestRealMachine(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SENSOR_DATA_DIR")
	if dir == "" {
		t.Skip("SENSOR_DATA_DIR is not set: the real readings are not part of this repository")
	}
	tests := map[string]struct{ windows, alarms int }{
		"machine_temperature_system_failure.csv": {windows: 3, alarms: 12},
		"occupancy_6005.csv":                     {windows: 1, alarms: 5},
	}
	windows := readWindows(t, filepath.Join(dir, "nab", "anomaly_windows.json"))
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(filepath.Join(dir, "nab", name))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			hit := map[int]bool{}
			alarms, rows := 0, 0
			d := anomaly.New(anomaly.Default())
			for row, err := range parse.Rows(bufio.NewReader(file), parse.Options{
				Format: objectkey.CSV, Limits: parse.DefaultLimits(), Defaults: reading.Defaults{SensorID: "machine", Metric: "value"},
			}) {
				if err != nil || row.Err != nil {
					t.Fatal(err, row.Err)
				}
				rows++
				if _, odd := d.Observe(row.Reading.Value); !odd {
					continue
				}
				alarms++
				for i, w := range windows[name] {
					if !row.Reading.Timestamp.Before(w[0]) && !row.Reading.Timestamp.After(w[1]) {
						hit[i] = true
					}
				}
			}
			t.Logf("%d alarms in %d readings, %d of %d windows hit", alarms, rows, len(hit), len(windows[name]))
			if len(hit) < want.windows || alarms > want.alarms {
				t.Errorf("%d windows hit with %d alarms, want at least %d with at most %d", len(hit), alarms, want.windows, want.alarms)
			}
		})
	}
}

func readWindows(t *testing.T, path string) map[string][][2]time.Time {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string][][2]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	windows := map[string][][2]time.Time{}
	for name, pairs := range texts {
		for _, pair := range pairs {
			var w [2]time.Time
			for i, s := range pair {
				if w[i], err = reading.ParseTime(s); err != nil {
					t.Fatal(err)
				}
			}
			windows[name] = append(windows[name], w)
		}
	}
	return windows
}
