package pipeline

import (
	"errors"
	"strings"
	"testing"
)

func TestCompensate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		function, server Outcome
		refused          error
		// back is the half that is taken back; empty if none is.
		back, says string
		failed     bool
	}{
		{name: "both passed", function: Passed, server: Passed},
		{name: "both failed", function: Failed, server: Failed},
		{name: "neither began", function: Skipped, server: Skipped},
		{name: "one was not chosen", function: Passed},
		{name: "the server failed", function: Passed, server: Failed, back: "function", says: "version 4; taken back"},
		{name: "the function failed", function: Failed, server: Passed, back: "server", says: "version 4; taken back"},
		{name: "the function was cancelled", function: Canceled, server: Passed, back: "server", says: "version 4; taken back"},
		{
			name: "no way back", function: Failed, server: Passed, refused: errors.New("migration 3 cannot be undone"),
			back: "server", says: "not taken back although the other half failed: migration 3 cannot be undone", failed: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			results := []Result{{Stage: "build", Outcome: Passed}, {Stage: "function", Outcome: c.function, Produced: "version 4"}}
			if c.server != "" {
				results = append(results, Result{Stage: "server", Outcome: c.server, Produced: "version 4"})
			}
			var went []string
			half := func(name string) Half {
				return Half{name, func() (string, error) {
					went = append(went, name)
					return "taken back", c.refused
				}}
			}
			Compensate(results, [2]Half{half("function"), half("server")})
			if got := strings.Join(went, " "); got != c.back {
				t.Fatalf("%q went back, want %q", got, c.back)
			}
			for _, r := range results {
				if r.Stage != c.back {
					continue
				}
				if (r.Outcome == Failed) != c.failed || r.Err == nil && !strings.Contains(r.Produced, c.says) || r.Err != nil && !strings.Contains(r.Err.Error(), c.says) {
					t.Errorf("it tells %+v, want %q", r, c.says)
				}
			}
		})
	}
}
