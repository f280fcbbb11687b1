package smoke

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// file has a spike in its third row.
const file = "timestamp,value\n2014-01-01 00:00:00,20\n2014-01-01 00:05:00,20.5\n2014-01-01 00:10:00,99\n2014-01-01T00:15:00Z,20\n"

func options() Options {
	return Options{
		File: []byte(file), ID: "x1",
		Timeout: 3 * time.Second, Poll: time.Millisecond,
		Progress: func(string) {},
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, warehouse := range []bool{true, false} {
		t.Run(fmt.Sprintf("warehouse %v", warehouse), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, warehouse)
			report, err := Run(t.Context(), f.system(), options())
			if err != nil {
				t.Fatalf("%v\n%s", err, report.Table())
			}
			if len(report) != 5 {
				t.Errorf("%d checks", len(report))
			}
			if f.queueOpen || f.subscribed {
				t.Error("queue or subscription were left behind")
			}
		})
	}
}

// TestRunAsksLater meets an API that is busy for a moment, as behind a first migration.
func TestRunAsksLater(t *testing.T) {
	t.Parallel()
	f := newFake(t, true)
	f.busy = 1
	o := options()
	o.Timeout = time.Minute
	if report, err := Run(t.Context(), f.system(), o); err != nil {
		t.Errorf("%v\n%s", err, report.Table())
	}
}

// TestRunNotices breaks the system in one place at a time: each must be found.
func TestRunNotices(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		check string
		wreck func(*fake)
	}{
		{"not ready", "health", func(f *fake) { f.notReady = true }},
		{"the old version runs", "version", func(f *fake) { f.version = "old" }},
		{"the old commit runs", "version", func(f *fake) { f.commit = "old" }},
		{"the old image runs", "version", func(f *fake) { f.digest = "sha256:old" }},
		{"readings are refused", "ingest", func(f *fake) { f.down = true }},
		{"it is busy for ever", "ingest", func(f *fake) { f.busy = 1 << 30 }},
		{"readings are stored twice", "ingest", func(f *fake) { f.forgetful = true }},
		{"a reading is lost", "query", func(f *fake) { f.loseOne = true }},
		{"a value is changed", "query", func(f *fake) { f.changeOne = true }},
		{"the event calls nothing", "file", func(f *fake) { f.noRow = true }},
		{"the file failed", "file", func(f *fake) { f.status = "failed" }},
		{"nothing was detected", "file", func(f *fake) { f.anomalies = 0 }},
		{"the processed object is short", "file", func(f *fake) { f.shortObject = true }},
		{"no alert", "file", func(f *fake) { f.silent = true }},
		{"the API knows of no object", "file", func(f *fake) { f.noObject = true }},
		{"the bucket refuses", "file", func(f *fake) { f.putError = errors.New("AccessDenied") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, true)
			tt.wreck(f)
			_, err := Run(t.Context(), f.system(), options())
			if err == nil || !strings.Contains(err.Error(), "smoke check "+tt.check+":") {
				t.Errorf("got %v, want the check %s to fail", err, tt.check)
			}
			if f.queueOpen || f.subscribed {
				t.Error("queue or subscription were left behind")
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		rows       int
		err        string
	}{
		{"both forms of time", file, 4, ""},
		{"the first of two rows with one time", "timestamp,value\n2014-01-01 00:00:00,1\n2014-01-01 00:00:00,2\n", 1, ""},
		{"no header", "1,2\n3,4\n", 0, "header"},
		{"no rows", "timestamp,value\n", 0, "at least one row"},
		{"bad time", "timestamp,value\nnoon,1\n", 0, `row 2: "noon" is not a time`},
		{"bad value", "timestamp,value\n2014-01-01 00:00:00,warm\n", 0, `row 2: "warm" is not a number`},
		{"empty", "", 0, "header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse([]byte(tt.text), "s")
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if len(got) != tt.rows {
				t.Errorf("%d readings, want %d", len(got), tt.rows)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file)
	f.Add("timestamp,value\n\"2014-01-01 00:00:00\",1e999\n")
	f.Fuzz(func(t *testing.T, text string) {
		readings, err := parse([]byte(text), "s")
		if err == nil && len(readings) == 0 {
			t.Error("neither readings nor an error")
		}
	})
}
