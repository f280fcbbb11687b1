package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal notes what happens in a run, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) says(line string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.lines, line)
}

// TestAheadOverlapsAndWaitsItsTurn runs the shape of a deploy: build and plan happen
// while the tests run, and push and apply come after their gates, in order.
func TestAheadOverlapsAndWaitsItsTurn(t *testing.T) {
	t.Parallel()
	var j journal
	built, planned := make(chan struct{}), make(chan struct{})
	does := func(line string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { j.add(line); return line, nil }
	}
	results := Run(t.Context(), []Stage{
		{Name: "test", Run: func(context.Context) (string, error) {
			// It cannot end before both are done, so they have to happen beside it.
			<-built
			<-planned
			j.add("tested")
			return "", nil
		}},
		{Name: "build", Needs: []string{"test"}, Run: does("pushed"), Ahead: func(context.Context) error { j.add("built"); close(built); return nil }},
		{Name: "infra", Needs: []string{"test", "build"}, Run: does("applied"), Ahead: func(context.Context) error {
			<-built
			j.add("planned")
			close(planned)
			return nil
		}},
		{Name: "ecs", Needs: []string{"test", "build", "infra"}, Run: does("deployed")},
	}, time.Now)
	if got, want := strings.Join(j.lines, " "), "built planned tested pushed applied deployed"; got != want {
		t.Errorf("it went %q, want %q", got, want)
	}
	if got := outcomes(results); got != "test=passed build=passed infra=passed ecs=passed" {
		t.Error(got)
	}
}

// TestAheadOfAFailedGate wants nothing done of what the gate is there to stop, and
// what was under way ended when the run does.
func TestAheadOfAFailedGate(t *testing.T) {
	t.Parallel()
	var j journal
	began, ended := make(chan struct{}), make(chan struct{})
	results := Run(t.Context(), []Stage{
		{Name: "test", Run: func(context.Context) (string, error) { <-began; return "", errors.New("a test fails") }},
		{Name: "build", Needs: []string{"test"},
			Ahead: func(ctx context.Context) error {
				close(began)
				<-ctx.Done() // it would take for ever
				close(ended)
				return ctx.Err()
			},
			Run: func(context.Context) (string, error) { j.add("pushed"); return "", nil }},
		{Name: "infra", Needs: []string{"build"}, Run: func(context.Context) (string, error) { j.add("applied"); return "", nil }},
	}, time.Now)
	select {
	case <-ended:
	default:
		t.Error("the run ended before what it had begun")
	}
	if len(j.lines) > 0 {
		t.Errorf("a failed test let %q happen", j.lines)
	}
	if got := outcomes(results); got != "test=failed build=skipped infra=skipped" || results[1].Err != nil || results[1].Because != "test" {
		t.Errorf("%s, %+v", got, results[1])
	}
}

func TestAheadThatFails(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(context.Context) error{
		"does not compile": func(context.Context) error { return errors.New("does not compile") },
		"panicked: boom":   func(context.Context) error { panic("boom") },
	} {
		var j journal
		tested := make(chan struct{})
		results := Run(t.Context(), []Stage{
			{Name: "test", Run: func(context.Context) (string, error) { close(tested); return "", nil }},
			{Name: "build", Needs: []string{"test"}, Ahead: prepare, Run: func(context.Context) (string, error) { j.add("pushed"); return "", nil }},
		}, time.Now)
		<-tested
		if got := outcomes(results); got != "test=passed build=failed" || j.says("pushed") || !strings.Contains(results[1].Err.Error(), name) {
			t.Errorf("%s: %s, %v, %q", name, got, results[1].Err, j.lines)
		}
	}
}

// TestAheadCountsFromItsTurn wants a stage's time to be that of its turn: what it did
// beside others is in theirs.
func TestAheadCountsFromItsTurn(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := start
	now := func() time.Time { clock = clock.Add(time.Second); return clock }
	results := Run(t.Context(), []Stage{
		{Name: "test", Run: ok("")},
		{Name: "build", Needs: []string{"test"}, Ahead: func(context.Context) error { return nil }, Run: ok("")},
	}, now)
	if got := results[1].Started.Sub(start); got != 3*time.Second || results[1].Elapsed != time.Second {
		t.Errorf("build started after %s and took %s", got, results[1].Elapsed)
	}
}

func TestAheadOfACanceledRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	results := Run(ctx, []Stage{
		{Name: "build", Run: ok("pushed"), Ahead: func(ctx context.Context) error { cancel(); return ctx.Err() }},
		{Name: "infra", Needs: []string{"build"}, Run: ok("applied"), Ahead: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	}, time.Now)
	for _, r := range results {
		if r.Outcome == Passed {
			t.Errorf("%s passed in a canceled run", r.Stage)
		}
	}
}
