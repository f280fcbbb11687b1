package anomaly_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

// series is a file of the Numenta Anomaly Benchmark. Windows hold the places
// of the first and the last reading of each labelled window.
type series struct {
	name    string
	times   []time.Time
	values  []float64
	windows [][2]int
}

// result is what the benchmark's standard profile makes of the alarms.
type result struct {
	score              float64 // 0 for no alarm at all, 100 for the earliest in each window and no other
	found, windows     int
	inside, falseAlarm int // alarms within a window and elsewhere
}

// precision is the share of the alarms that lie within a window.
func (r result) precision() float64 {
	return float64(r.inside) / max(1, float64(r.inside+r.falseAlarm))
}

func (r result) recall() float64 { return float64(r.found) / float64(r.windows) }

// nabScore is the scoring function of A. Lavin, S. Ahmad, "Evaluating
// Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark",
// ICMLA 2015, section II, with the weights of the standard profile: the
// earliest alarm in a window earns up to 1 by its place in it, a window
// without one costs 1, an alarm elsewhere costs up to 0.11, the more the
// further it lies behind a window. The first 15 % (of at most 5000 readings)
// are for learning and are not scored.
func nabScore(s series, alarms []int) result {
	const falsePositive, probation = 0.11, 0.15
	sigmoid := func(y float64) float64 { return 2/(1+math.Exp(5*y)) - 1 }
	learning := int(probation * float64(min(len(s.values), 5000)))
	var r result
	raw, earned := 0.0, map[int]float64{}
	for _, at := range alarms {
		if at < learning {
			continue
		}
		inside, before := -1, -1
		for i, w := range s.windows {
			if w[0] <= at && at <= w[1] {
				inside = i
			}
			if w[1] < at {
				before = i
			}
		}
		switch {
		case inside >= 0:
			w := s.windows[inside]
			gain := sigmoid(-float64(w[1]-at+1)/float64(w[1]-w[0]+1)) / sigmoid(-1)
			earned[inside] = max(earned[inside], gain)
			r.inside++
			continue
		case before < 0:
			raw -= falsePositive
		default:
			w := s.windows[before]
			past := float64(at-w[1]) / float64(w[1]-w[0])
			cost := -1.0
			if past < 3 {
				cost = sigmoid(past)
			}
			raw += falsePositive * cost
		}
		r.falseAlarm++
	}
	for i, w := range s.windows {
		if w[1] < learning {
			continue
		}
		r.windows++
		if gain, found := earned[i]; found {
			r.found++
			raw += gain
		} else {
			raw--
		}
	}
	n := float64(r.windows)
	r.score = 100 * (raw + n) / (2 * n)
	return r
}

// TestNABScore checks the scoring against cases that can be worked out.
func TestNABScore(t *testing.T) {
	t.Parallel()
	s := series{values: make([]float64, 1000), windows: [][2]int{{300, 399}, {600, 699}}}
	tests := map[string]struct {
		alarms []int
		want   float64
	}{
		"none":                          {nil, 0},
		"perfect":                       {[]int{300, 600}, 100},
		"while learning":                {[]int{10, 149}, 0},
		"one of two":                    {[]int{600}, 50},
		"only the earliest counts":      {[]int{300, 350, 399, 600}, 100},
		"halfway":                       {[]int{350}, 100 * (0.84828/0.98661 - 1 + 2) / 4},
		"false before any window":       {[]int{200}, -100 * 0.11 / 4},
		"false long behind":             {[]int{999}, -100 * 0.11 / 4},
		"false right behind is cheaper": {[]int{409}, -100 * 0.11 * 0.2476 / 4},
	}
	for name, test := range tests {
		if got := nabScore(s, test.alarms).score; math.Abs(got-test.want) > 0.05 {
			t.Errorf("%s: %.3f, want %.3f", name, got, test.want)
		}
	}
}

// detect is the detector of this package, without the gaps: the benchmark's
// labels are of values, and a gap that is one is no label of it.
func detect(s series) (alarms []int) {
	return detectKinds(s, func(k anomaly.Kind) bool { return k != anomaly.Gap })
}

// detectAll is the detector with everything it says.
func detectAll(s series) (alarms []int) {
	return detectKinds(s, func(anomaly.Kind) bool { return true })
}

func detectKinds(s series, counts func(anomaly.Kind) bool) (alarms []int) {
	d := anomaly.New(anomaly.Default())
	var found []anomaly.Finding
	for i, x := range s.values {
		found = d.Observe(s.times[i], x, found[:0])
		if slices.ContainsFunc(found, func(f anomaly.Finding) bool { return counts(f.Kind) }) {
			alarms = append(alarms, i)
		}
	}
	return alarms
}

// threeSigma is the baseline that everybody writes first: an alarm for each
// value more than three standard deviations from the mean of all before it.
func threeSigma(s series) (alarms []int) {
	var n, mean, squares float64
	for i, x := range s.values {
		if n > 100 && math.Abs(x-mean) > 3*math.Sqrt(squares/n) {
			alarms = append(alarms, i)
		}
		n++
		delta := x - mean
		mean += delta / n
		squares += delta * (x - mean)
	}
	return alarms
}

// windowedGaussian alarms when a value is beyond four standard deviations of
// the 6400 before it, once for each run of such values.
func windowedGaussian(s series) (alarms []int) {
	const window = 6400
	last := -2
	for i, x := range s.values {
		before := s.values[max(0, i-window):i]
		if len(before) < 100 {
			continue
		}
		var sum, squares float64
		for _, v := range before {
			sum += v
			squares += v * v
		}
		n := float64(len(before))
		mean := sum / n
		if math.Abs(x-mean) > 4*math.Sqrt(max(0, squares/n-mean*mean)) {
			if last != i-1 {
				alarms = append(alarms, i)
			}
			last = i
		}
	}
	return alarms
}

// dataDir holds the benchmark's files; it is not part of this repository.
const dataDir = "../../../../shared/data/nab"

// TestBenchmark measures the detector on labelled data of real machines, with
// its one set of options, beside two baselines. Published results of the whole
// benchmark, standard profile, for comparison: numenta 70.5, relativeEntropy
// 54.6, windowedGaussian 39.6. The bound guards against getting worse.
func TestBenchmark(t *testing.T) {
	t.Parallel()
	all := readBenchmark(t)
	methods := []struct {
		name string
		run  func(series) []int
	}{{"this detector", detect}, {"and its gaps", detectAll}, {"three sigma", threeSigma}, {"moving Gaussian", windowedGaussian}}
	for _, m := range methods {
		var sum float64
		for _, s := range all {
			r := nabScore(s, m.run(s))
			sum += r.score
			t.Logf("%-16s %-40s NAB %6.1f  windows %d of %d  alarms %3d  precision %.2f  recall %.2f",
				m.name, s.name, r.score, r.found, r.windows, r.inside+r.falseAlarm, r.precision(), r.recall())
			if m.name == "this detector" && r.score < 60 {
				t.Errorf("%s: score %.1f, want at least 60", s.name, r.score)
			}
		}
		t.Logf("%-16s mean NAB %.1f", m.name, sum/float64(len(all)))
	}
}

// readBenchmark reads every file that is there and labelled.
func readBenchmark(t *testing.T) []series {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dataDir, "anomaly_windows.json"))
	if os.IsNotExist(err) {
		t.Skipf("no labelled readings at %s: they are not part of this repository", dataDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	var labels map[string][][2]string
	if err := json.Unmarshal(data, &labels); err != nil {
		t.Fatal(err)
	}
	var all []series
	for name, windows := range labels {
		s := series{name: name}
		times := map[time.Time]int{}
		file, err := os.Open(filepath.Join(dataDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range parse.Rows(file, parse.Options{
			Format: objectkey.CSV, Limits: parse.DefaultLimits(), Defaults: reading.Defaults{SensorID: "machine", Metric: "value"},
		}) {
			if err != nil || row.Err != nil {
				t.Fatal(err, row.Err)
			}
			times[row.Reading.Timestamp] = len(s.values)
			s.times = append(s.times, row.Reading.Timestamp)
			s.values = append(s.values, row.Reading.Value)
		}
		_ = file.Close()
		for _, w := range windows {
			var window [2]int
			for i, text := range w {
				at, err := reading.ParseTime(text)
				place, there := times[at]
				if err != nil || !there {
					t.Fatalf("%s: no reading at the label %s: %v", name, text, err)
				}
				window[i] = place
			}
			s.windows = append(s.windows, window)
		}
		all = append(all, s)
	}
	return all
}

func BenchmarkObserve(b *testing.B) {
	d := anomaly.New(anomaly.Default())
	b.ReportAllocs()
	i, start := 0, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		d.Observe(start.Add(time.Duration(i)*time.Minute), float64(i%97), nil)
		i++
	}
}
