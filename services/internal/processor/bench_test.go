package processor_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/generate"
)

// bigFile holds a hundred thousand readings in the form of two columns.
func bigFile() (file string, rows int) {
	var b strings.Builder
	points := generate.Points(generate.Options{Seed: 1, Count: 100_000, Interval: time.Minute, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	for _, p := range points {
		fmt.Fprintf(&b, "%s,%v\n", p.Time.Format(time.DateTime), p.Value)
	}
	return b.String(), len(points)
}

// BenchmarkProcess takes a file the whole way: parse, validate, detect, write
// packed NDJSON. Beside it stands what encoding/csv alone takes to read it.
func BenchmarkProcess(b *testing.B) {
	file, rows := bigFile()
	var reading time.Duration
	for range 3 {
		start := time.Now()
		records := csv.NewReader(strings.NewReader(file))
		records.ReuseRecord = true
		for {
			if _, err := records.Read(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		if took := time.Since(start); reading == 0 || took < reading {
			reading = took
		}
	}
	content := []byte(file)
	b.ReportAllocs()
	for b.Loop() {
		w := newWorld()
		if err := w.processor().Handle(b.Context(), w.put(key, content)); err != nil {
			b.Fatal(err)
		}
		if w.rows[key].Rows != rows {
			b.Fatalf("%+v", w.rows[key])
		}
	}
	each := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(rows)/each.Seconds(), "readings/s")
	b.ReportMetric(float64(reading)/float64(each), "of-encoding/csv")
}
