package nab

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestScore checks the scoring against cases that can be worked out.
func TestScore(t *testing.T) {
	t.Parallel()
	standard := Profiles()[0]
	s := Series{Values: make([]float64, 1000), Windows: [][2]int{{300, 399}, {600, 699}}}
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
		if got := s.Score(test.alarms, standard).Score(standard); math.Abs(got-test.want) > 0.05 {
			t.Errorf("%s: %.3f, want %.3f", name, got, test.want)
		}
	}
}

// TestProfiles weighs the same alarms, of which one is false and one window is missed.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := Series{Values: make([]float64, 1000), Windows: [][2]int{{300, 399}, {600, 699}}}
	for i, want := range []float64{50 - 100*0.11/4, 50 - 100*0.22/4, 100 * (1 - 2 - 0.11 + 4) / 6} {
		profile := Profiles()[i]
		if got := s.Score([]int{200, 300}, profile).Score(profile); math.Abs(got-want) > 0.05 {
			t.Errorf("%s: %.2f, want %.2f", profile.Name, got, want)
		}
	}
}

// TestHeldOut chooses the threshold by the other folds: one that alarms at the windows'
// beginnings must win, and one detector cannot learn from the fold it is scored on.
func TestHeldOut(t *testing.T) {
	t.Parallel()
	standard := Profiles()[0]
	all := make([]Series, 10)
	for i := range all {
		all[i] = Series{Values: make([]float64, 1000), Windows: [][2]int{{300 + i, 400 + i}}}
	}
	d := Detector{Thresholds: []float64{1, 2, 3, 4, 5, 6, 7}, Alarms: func(s Series, threshold float64) []int {
		if threshold > 4 {
			return []int{s.Windows[0][0]}
		}
		return []int{200, 500, 700}
	}}
	if p := HeldOut(all, d, standard, 5, 3); p.Found != 30 || math.Abs(p.Score(standard)-100) > 0.01 {
		t.Errorf("%+v, %.1f", p, p.Score(standard))
	}
}

// dataDir holds the benchmark's files; it is not part of this repository.
const dataDir = "../../../../shared/data/nab/half"

// TestBenchmark measures the detector on labelled data. The bounds guard against
// getting worse; docs/detector.md has the figures.
func TestBenchmark(t *testing.T) {
	t.Parallel()
	all, err := Read(dataDir, "windows.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no labelled readings at %s: they are not part of this repository", dataDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	standard := Profiles()[0]
	for place, d := range Detectors() {
		shipped, heldOut := Fixed(all, d, d.Shipped, standard), HeldOut(all, d, standard, 5, 20)
		t.Logf("%-18s shipped %.1f, held out %.1f, %d of %d windows, %.2f false alarms in 1,000 readings",
			d.Name, shipped.Score(standard), heldOut.Score(standard), shipped.Found, shipped.Windows, shipped.FalseRate())
		if place > 0 {
			continue
		}
		if shipped.Score(standard) < 66 || heldOut.Score(standard) < 66 || shipped.FalseRate() > 0.6 {
			t.Error("that is worse than 66, or more than 0.6 false alarms")
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		const mode = 0o600
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("a.csv", "timestamp,value\n2014-01-01 00:00:00,1\n2014-01-01 00:05:00,2\n2014-01-01 00:10:00,3\n")
	write("bad.csv", "timestamp,value\nnoon,1\n")
	write("good.json", `{"a.csv": [["2014-01-01 00:05:00.000000", "2014-01-01 00:10:00.000000"]]}`)
	all, err := Read(dir, "good.json")
	if err != nil || len(all) != 1 || len(all[0].Values) != 3 || all[0].Windows[0] != [2]int{1, 2} || !all[0].Times[1].Equal(time.Date(2014, 1, 1, 0, 5, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", all, err)
	}
	for labels, says := range map[string]string{
		`{`: "read the labels", `{"none.csv": []}`: "none.csv", `{"bad.csv": []}`: "bad.csv: line 2",
		`{"a.csv": [["noon", "noon"]]}`: `the label "noon"`, `{"a.csv": [["2014-01-01 00:06:00.000000", "2014-01-01 00:10:00.000000"]]}`: "no reading at the label",
	} {
		write("labels.json", labels)
		if _, err := Read(dir, "labels.json"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", labels, err, says)
		}
	}
}
