package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCompensate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		function, server Outcome
		// neverBegan and running describe the half that did not pass.
		neverBegan, running bool
		refused             error
		// back is the half that is undone, empty if none is, and open the one that is
		// reported as open.
		back, open, says string
		failed           bool
	}{
		{name: "both passed", function: Passed, server: Passed},
		{name: "both failed", function: Failed, server: Failed},
		{name: "both are running still", function: Failed, server: Failed, running: true},
		{name: "neither began", function: Skipped, server: Skipped, neverBegan: true},
		{name: "one was not chosen", function: Passed},
		{name: "the server failed", function: Passed, server: Failed, back: "function", says: "version 4; undone"},
		{name: "the function failed", function: Failed, server: Passed, back: "server", says: "version 4; undone"},
		{name: "the function was canceled and ended", function: Canceled, server: Passed, back: "server", says: "version 4; undone"},
		{name: "the server was canceled before it began", function: Passed, server: Canceled, neverBegan: true, back: "function", says: "version 4; undone"},
		{name: "the server was skipped", function: Passed, server: Skipped, neverBegan: true, back: "function", says: "version 4; undone"},
		{name: "the server timed out and goes on", function: Passed, server: Failed, running: true, open: "server", says: "version 4; not undone: server is open"},
		{name: "the function's alias still moves", function: Failed, server: Passed, running: true, open: "function", says: "version 4; not undone: function is open"},
		{name: "the server's caller was canceled", function: Passed, server: Canceled, running: true, open: "server", says: "version 4; not undone: server is open"},
		{
			name: "it cannot be undone", function: Failed, server: Passed, refused: errors.New("migration 3 cannot be undone"),
			back: "server", says: "not undone although function failed: migration 3 cannot be undone", failed: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			result := func(name string, o Outcome) Result {
				r := Result{Stage: name, Outcome: o, Started: began, Produced: "version 4"}
				if o != Passed {
					r.Err = errors.New("its own reason")
					if c.neverBegan {
						r.Started = time.Time{}
					}
				}
				return r
			}
			results := []Result{{Stage: "build", Outcome: Passed}, result("function", c.function)}
			if c.server != "" {
				results = append(results, result("server", c.server))
			}
			var went []string
			half := func(name string) Half {
				return Half{Stage: name, Ended: !c.running && !c.neverBegan, Undo: func() (string, error) {
					went = append(went, name)
					return "undone", c.refused
				}}
			}
			Compensate(results, [2]Half{half("function"), half("server")})
			if got := strings.Join(went, " "); got != c.back {
				t.Fatalf("%q was undone, want %q", got, c.back)
			}
			for _, r := range results {
				switch {
				case r.Stage == c.open:
					if r.Outcome == Passed || !strings.Contains(r.Err.Error(), "its own reason\nopen: "+c.open+" may still complete") {
						t.Errorf("the open half says %v", r.Err)
					}
				case r.Outcome == Passed && c.says != "", r.Stage == c.back:
					said := r.Produced
					if r.Err != nil {
						said = r.Err.Error()
					}
					if r.Stage != "build" && ((r.Outcome == Failed) != c.failed || !strings.Contains(said, c.says)) {
						t.Errorf("%s says %q, want %q", r.Stage, said, c.says)
					}
				case r.Err != nil && strings.Contains(r.Err.Error(), "open"):
					t.Errorf("%s says %v", r.Stage, r.Err)
				}
			}
		})
	}
}
