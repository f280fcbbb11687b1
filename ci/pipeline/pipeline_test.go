package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func ok(produced string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return produced, nil }
}

func fails(err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return "", err }
}

func outcomes(results []Result) string {
	var names []string
	for _, r := range results {
		names = append(names, r.Stage+"="+string(r.Outcome))
	}
	return strings.Join(names, " ")
}

func TestRun(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		stages []Stage
		want   string
	}{
		{"all pass",
			[]Stage{{Name: "a", Run: ok("")}, {Name: "b", Needs: []string{"a"}, Run: ok("")}},
			"a=passed b=passed"},
		{"a failure skips what stands on it, and what stands on that",
			[]Stage{{Name: "a", Run: fails(broken)}, {Name: "b", Needs: []string{"a"}, Run: ok("")}, {Name: "c", Needs: []string{"b"}, Run: ok("")}},
			"a=failed b=skipped c=skipped"},
		{"a sibling of a failure still runs",
			[]Stage{{Name: "a", Run: ok("")}, {Name: "b", Needs: []string{"a"}, Run: fails(broken)}, {Name: "c", Needs: []string{"a"}, Run: ok("")}},
			"a=passed b=failed c=passed"},
		{"a need outside the run is taken as met",
			[]Stage{{Name: "c", Needs: []string{"a"}, Run: ok("")}},
			"c=passed"},
		{"a panic is a failure of its stage alone",
			[]Stage{{Name: "a", Run: func(context.Context) (string, error) { panic("boom") }}, {Name: "b", Run: ok("")}},
			"a=failed b=passed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := outcomes(Run(t.Context(), tt.stages, time.Now)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRunSideBySide(t *testing.T) {
	t.Parallel()
	// Each stage waits for the other: only running both at once can end.
	left, right := make(chan struct{}), make(chan struct{})
	results := Run(t.Context(), []Stage{
		{Name: "left", Run: func(context.Context) (string, error) { close(left); <-right; return "", nil }},
		{Name: "right", Run: func(context.Context) (string, error) { close(right); <-left; return "", nil }},
	}, time.Now)
	if got := outcomes(results); got != "left=passed right=passed" {
		t.Fatal(got)
	}
}

func TestRunCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	results := Run(ctx, []Stage{
		{Name: "a", Run: func(ctx context.Context) (string, error) { cancel(); return "", ctx.Err() }},
		{Name: "b", Needs: []string{"a"}, Run: ok("")},
	}, time.Now)
	if got := outcomes(results); got != "a=canceled b=skipped" {
		t.Errorf("got %s", got)
	}
}

func TestRunTellsWhenAStageStarted(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := start
	now := func() time.Time { clock = clock.Add(time.Second); return clock }
	results := Run(t.Context(), []Stage{
		{Name: "a", Run: ok("")},
		{Name: "b", Needs: []string{"a"}, Run: fails(errors.New("broken"))},
		{Name: "c", Needs: []string{"b"}, Run: ok("")},
	}, now)
	if got := results[0].Started.Sub(start); got != time.Second || results[0].Elapsed != time.Second {
		t.Errorf("a started after %s and took %s", got, results[0].Elapsed)
	}
	if got := results[1].Started.Sub(start); got != 3*time.Second {
		t.Errorf("b started after %s", got)
	}
	if !results[2].Started.IsZero() {
		t.Errorf("c never ran, yet started at %s", results[2].Started)
	}
}
