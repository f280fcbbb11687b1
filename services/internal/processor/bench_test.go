package processor_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor-backend/services/internal/generate"
)

// bigFile holds a million readings in the form of two columns: more than the
// caches hold, so that nothing is measured at their speed alone.
func bigFile() (file string, rows int) {
	var b strings.Builder
	points := generate.Points(generate.Options{Seed: 1, Count: 1_000_000, Interval: time.Minute, Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
	for _, p := range points {
		fmt.Fprintf(&b, "%s,%v\n", p.Time.Format(time.DateTime), p.Value)
	}
	return b.String(), len(points)
}

// BenchmarkProcess takes a file the whole way: parse, validate, detect, write
// packed NDJSON. Beside it stands what encoding/csv alone takes to read it, and,
// where there is Python 3, a straightforward script that does the same. All are
// in time of the processor, not of the clock, so that a busy machine changes
// them less.
func BenchmarkProcess(b *testing.B) {
	file, rows := bigFile()
	var reading time.Duration
	for range 3 {
		start := spent(b)
		records := csv.NewReader(strings.NewReader(file))
		records.ReuseRecord = true
		for {
			if _, err := records.Read(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		if took := spent(b) - start; reading == 0 || took < reading {
			reading = took
		}
	}
	content := []byte(file)
	b.ReportAllocs()
	start := spent(b)
	for b.Loop() {
		w := newWorld()
		if err := w.processor().Handle(b.Context(), w.put(key, content)); err != nil {
			b.Fatal(err)
		}
		if w.rows[key].Rows != rows {
			b.Fatalf("%+v", w.rows[key])
		}
	}
	each := (spent(b) - start) / time.Duration(b.N)
	b.ReportMetric(float64(rows)/each.Seconds(), "readings/cpu-s")
	b.ReportMetric(float64(reading)/float64(each), "of-encoding/csv")
	if script := baseline(b, content, rows); script > 0 {
		b.ReportMetric(float64(script)/float64(each), "times-python")
	}
}

// baseline is the time that the script takes for a file, its start left out; 0
// without Python.
func baseline(b *testing.B, file []byte, rows int) time.Duration {
	b.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Log("no python3 on PATH, nothing to compare with")
		return 0
	}
	in, out := filepath.Join(b.TempDir(), "in.csv"), filepath.Join(b.TempDir(), "out.gz")
	run := func(content []byte, want int) time.Duration {
		if err := os.WriteFile(in, content, 0o600); err != nil {
			b.Fatal(err)
		}
		script := exec.CommandContext(b.Context(), python, "testdata/baseline.py", in, out)
		text, err := script.Output()
		if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(want) {
			b.Fatalf("the script: %s, %v", text, err)
		}
		return script.ProcessState.UserTime() + script.ProcessState.SystemTime()
	}
	return run(file, rows) - run(nil, 0)
}

// spent is the time that the cores worked for this process.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
