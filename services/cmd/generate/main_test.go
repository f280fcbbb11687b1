package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

func generated(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEqualSeedsGiveEqualBytes(t *testing.T) {
	t.Parallel()
	a, b := generated(t, "-seed", "7"), generated(t, "-seed", "7")
	if a != b {
		t.Error("two runs with one seed differ")
	}
	if a == generated(t, "-seed", "8") {
		t.Error("two seeds give the same")
	}
}

// TestIsReadable has the processor's parser read what is written.
func TestIsReadable(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]objectkey.Format{"csv": objectkey.CSV, "ndjson": objectkey.JSON} {
		file := generated(t, "-n", "1500", "-format", name)
		rows := 0
		for row, err := range parse.Rows(strings.NewReader(file), parse.Options{
			Format: format, Limits: parse.DefaultLimits(), Defaults: reading.Defaults{SensorID: "generated", Metric: "value"},
		}) {
			if err != nil || row.Err != nil || row.Reading.SensorID != "generated" {
				t.Fatalf("%s: %+v, %v", name, row, err)
			}
			rows++
		}
		if rows != 1500 {
			t.Errorf("%s: %d readings, want 1500", name, rows)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "labels.csv")
	file := generated(t, "-n", "5000", "-labels", path)
	labels, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(labels)), "\n")
	if lines[0] != "timestamp,label" || len(lines) < 5 {
		t.Fatalf("labels %q", lines)
	}
	for _, line := range lines[1:] {
		at, _, _ := strings.Cut(line, ",")
		if !strings.Contains(file, "\n"+at+",") {
			t.Errorf("label %q is of no reading", line)
		}
	}
}

func TestRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-n", "-1"}, {"-n", "many"}, {"-format", "xml"}, {"-start", "now"}, {"-interval", "0s"}, {"more"},
		{"-labels", filepath.Join("no", "such", "directory", "labels.csv")},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
