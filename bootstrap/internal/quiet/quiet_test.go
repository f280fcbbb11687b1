package quiet

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// recorded is a part of what a client printed.
const recorded = "\x1b[95m5   : \x1b[0m\x1b[90;2m\x1b[0mload module: .\x1b[32m DONE\x1b[0m\x1b[90m [0.8s]\x1b[0m\n\n" +
	"\x1b[95m12  : \x1b[0m\x1b[90;2m┆ \x1b[0m\x1b[90m[1.2s] \x1b[0m\x1b[90m|\x1b[0m 19:23:34 build: starting\n" +
	"\x1b[95m12  : \x1b[0m\x1b[90;2m┆ \x1b[0m\x1b[90m[1.2s] \x1b[0m\x1b[90m|\x1b[0m {\"@level\":\"info\",\"@message\":\"aws_lb.api: Creating...\"}\n" +
	"\x1b[95m31  : \x1b[0m\x1b[90;2m┆ ┆ \x1b[0m\x1b[90m[54s] \x1b[0m\x1b[90m|\x1b[0m ok  \tsensor-backend/services/cmd/api\t1.2s\tcoverage: 74.7% of statements\n" +
	"\x1b[95m31  : \x1b[0m\x1b[90;2m┆ ┆ \x1b[0m\x1b[90m[54s] \x1b[0m\x1b[90m|\x1b[0m \tsensor-backend/services/cmd/x\t\tcoverage: 0.0% of statements\n" +
	"\x1b[95m31  : \x1b[0m\x1b[90;2m┆ ┆ \x1b[0m\x1b[90m[54s] \x1b[0m\x1b[90m|\x1b[0m 2026-11-26 19:24:05.182 UTC [48] LOG:  checkpoint starting\n" +
	"\x1b[95m13  : \x1b[0m\x1b[90;2m┆ \x1b[0m\x1b[90m[9s] \x1b[0m\x1b[90m|\x1b[0m 19:23:43 infra: 37 of 92 resources, aws_lb.api 40 s\n"

func TestShowsThePipelinesLines(t *testing.T) {
	var shown, all bytes.Buffer
	f := Filter{Shown: &shown, All: &all, Now: noon}
	for piece := range strings.SplitSeq(recorded, "") { // byte by byte
		if _, err := f.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	const want = "19:23:34 build: starting\n" +
		"12:00:00 go test: ok    sensor-backend/services/cmd/api  1.2s  coverage: 74.7% of statements\n" +
		"19:23:43 infra: 37 of 92 resources, aws_lb.api 40 s\n"
	if shown.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", shown.String(), want)
	}
	if all.String() != recorded {
		t.Error("the log differs from what was printed")
	}
}

func TestFailure(t *testing.T) {
	for _, c := range []struct{ name, printed, want string }{
		{"the client's error", recorded + "\n\nError: the tests failed:\n--- FAIL: TestX\n  x_test.go:3: no\nFAIL [traceparent:6f12c3aabee9b6a584d356130f6180b1-d345b43a977ce5ca]\n", "Error: the tests failed:\n--- FAIL: TestX\n  x_test.go:3: no\nFAIL"},
		{"none", "\x1b[95m1   : \x1b[0mconnect\nmake: killed\n", "connect\nmake: killed"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var shown, all bytes.Buffer
			f := Filter{Shown: &shown, All: &all, Now: noon}
			if _, err := f.Write([]byte(c.printed)); err != nil {
				t.Fatal(err)
			}
			if got := f.Failure(); got != c.want {
				t.Errorf("the failure is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte("Error: x\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var shown, all bytes.Buffer
		filter := Filter{Shown: &shown, All: &all, Now: noon}
		if n, err := filter.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		if !bytes.Equal(all.Bytes(), p) {
			t.Error("the log differs from what was written")
		}
		filter.Failure()
	})
}
