package step

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/bootstrap/internal/cache"
)

// recorder makes steps that note when they ran.
type recorder struct {
	mu  sync.Mutex
	ran []string
}

func (r *recorder) step(dir cache.Dir, name string, needs ...string) Step {
	out := dir.Path("out", name)
	return Step{
		Name: name, Title: "make " + name, Needs: needs, Key: []string{"v1"}, Outputs: []string{out},
		Run: func(_ context.Context, log io.Writer) error {
			r.mu.Lock()
			r.ran = append(r.ran, name)
			r.mu.Unlock()
			if _, err := io.WriteString(log, "working on "+name); err != nil {
				return err
			}
			return os.WriteFile(out, nil, 0o600)
		},
	}
}

func newRunner(t *testing.T) (*Runner, *bytes.Buffer) {
	t.Helper()
	dir := cache.Dir(t.TempDir())
	if err := errors.Join(dir.Make(), os.Mkdir(dir.Path("out"), 0o700)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	clock := time.Unix(1_700_000_000, 0)
	var mu sync.Mutex
	return &Runner{Cache: dir, Out: &out, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(65 * time.Second)
		return clock
	}}, &out
}

func TestRunOnceThenSkip(t *testing.T) {
	t.Parallel()
	runner, out := newRunner(t)
	var rec recorder
	steps := []Step{rec.step(runner.Cache, "a"), rec.step(runner.Cache, "b", "a")}
	if err := runner.Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rec.ran, []string{"a", "b"}) {
		t.Errorf("ran %v, want a before b", rec.ran)
	}
	if !strings.Contains(out.String(), "[2/2] make b … 1m5s\n") {
		t.Errorf("no progress line with a time in:\n%s", out)
	}
	out.Reset()
	if err := runner.Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	if len(rec.ran) != 2 || strings.Count(out.String(), "up to date") != 2 {
		t.Errorf("the second time ran %v and said:\n%s", rec.ran[2:], out)
	}
}

func TestWhatMakesAStepRunAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		do   func(t *testing.T, r *Runner, steps []Step)
		want []string
	}{
		"its own input":  {func(_ *testing.T, _ *Runner, s []Step) { s[1].Key = []string{"v2"} }, []string{"b"}},
		"a needed input": {func(_ *testing.T, _ *Runner, s []Step) { s[0].Key = []string{"v2"} }, []string{"a", "b"}},
		"a lost output": {func(t *testing.T, _ *Runner, s []Step) {
			t.Helper()
			if err := os.Remove(s[1].Outputs[0]); err != nil {
				t.Fatal(err)
			}
		}, []string{"b"}},
		"a lost stamp": {func(t *testing.T, r *Runner, _ []Step) {
			t.Helper()
			if err := os.Remove(r.stampPath("a")); err != nil {
				t.Fatal(err)
			}
		}, []string{"a"}},
		"a torn stamp": {func(t *testing.T, r *Runner, _ []Step) {
			t.Helper()
			if err := os.WriteFile(r.stampPath("a"), []byte(`{"key":`), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runner, _ := newRunner(t)
			var rec recorder
			steps := []Step{rec.step(runner.Cache, "a"), rec.step(runner.Cache, "b", "a")}
			if err := runner.Run(t.Context(), steps); err != nil {
				t.Fatal(err)
			}
			rec.ran = nil
			change.do(t, runner, steps)
			pending, err := runner.Pending(steps)
			if err != nil || !slices.Equal(pending, change.want) {
				t.Errorf("Pending = %v, %v; want %v", pending, err, change.want)
			}
			if err := runner.Run(t.Context(), steps); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(rec.ran, change.want) {
				t.Errorf("ran %v, want %v", rec.ran, change.want)
			}
		})
	}
}

func TestFailureStopsAndNamesTheStep(t *testing.T) {
	t.Parallel()
	runner, out := newRunner(t)
	var rec recorder
	reason := errors.New("the disk is on fire")
	waiting := make(chan struct{})
	steps := []Step{
		{Name: "slow", Title: "wait", Run: func(ctx context.Context, _ io.Writer) error {
			close(waiting)
			<-ctx.Done()
			return context.Cause(ctx)
		}},
		{Name: "bad", Title: "break", Run: func(context.Context, io.Writer) error {
			<-waiting
			return reason
		}},
		rec.step(runner.Cache, "after", "bad"),
	}
	err := runner.Run(t.Context(), steps)
	if !errors.Is(err, reason) || !strings.HasPrefix(err.Error(), "break: ") || !strings.Contains(err.Error(), "bad.log") {
		t.Errorf("Run = %v, want the reason, the step and its log", err)
	}
	if len(rec.ran) != 0 {
		t.Errorf("%v ran after the failure", rec.ran)
	}
	if !strings.Contains(out.String(), "[2/3] break … failed after") {
		t.Errorf("no line about the failure in:\n%s", out)
	}
}

func TestMissingOutputIsAFailure(t *testing.T) {
	t.Parallel()
	runner, _ := newRunner(t)
	steps := []Step{{
		Name: "lazy", Title: "be lazy", Key: []string{"k"}, Outputs: []string{runner.Cache.Path("out", "nothing")},
		Run: func(context.Context, io.Writer) error { return nil },
	}}
	if err := runner.Run(t.Context(), steps); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v, want a missing output", err)
	}
	if _, ok := runner.Stamp("lazy"); ok {
		t.Error("the step is recorded as finished")
	}
}

func TestInterruptedStepRunsAgain(t *testing.T) {
	t.Parallel()
	runner, _ := newRunner(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted by hand")
	interrupted := true
	out := runner.Cache.Path("out", "x")
	steps := []Step{{
		Name: "x", Title: "x", Key: []string{"k"}, Outputs: []string{out},
		Run: func(ctx context.Context, _ io.Writer) error {
			if interrupted {
				cancel(stop)
				return context.Cause(ctx)
			}
			return os.WriteFile(out, nil, 0o600)
		},
	}}
	if err := runner.Run(ctx, steps); !errors.Is(err, stop) {
		t.Fatalf("Run = %v, want the interruption", err)
	}
	interrupted = false
	if err := runner.Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	if _, ok := runner.Stamp("x"); !ok {
		t.Error("the step is not recorded")
	}
}

func TestLaneRunsOneAtATimeInOrder(t *testing.T) {
	t.Parallel()
	runner, _ := newRunner(t)
	var inside atomic.Int32
	var order []string
	var steps []Step
	for _, name := range []string{"one", "two", "three"} {
		steps = append(steps, Step{Name: name, Title: name, Lane: "l", Run: func(context.Context, io.Writer) error {
			if inside.Add(1) != 1 {
				return errors.New("two of one lane at once")
			}
			order = append(order, name)
			inside.Add(-1)
			return nil
		}})
	}
	if err := runner.Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"one", "two", "three"}) {
		t.Errorf("order %v", order)
	}
}

func TestLanesRunSideBySide(t *testing.T) {
	t.Parallel()
	runner, _ := newRunner(t)
	meet := make(chan struct{})
	steps := []Step{
		{Name: "left", Title: "left", Lane: "a", Run: func(ctx context.Context, _ io.Writer) error { return send(ctx, meet) }},
		{Name: "right", Title: "right", Lane: "b", Run: func(ctx context.Context, _ io.Writer) error {
			select {
			case <-meet:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := runner.Run(ctx, steps); err != nil {
		t.Fatalf("the lanes did not meet: %v", err)
	}
}

func send(ctx context.Context, to chan<- struct{}) error {
	select {
	case to <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestKeysRefuseBadLists(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]Step{
		"named twice":      {{Name: "a"}, {Name: "a"}},
		"need comes later": {{Name: "a", Needs: []string{"b"}}, {Name: "b"}},
	} {
		if _, err := Keys(steps); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFingerprintKeepsPartsApart(t *testing.T) {
	t.Parallel()
	if Fingerprint("ab", "c") == Fingerprint("a", "bc") || Fingerprint("a") == Fingerprint("a", "") {
		t.Error("different parts, same fingerprint")
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	runner, _ := newRunner(t)
	var rec recorder
	s := rec.step(runner.Cache, "a")
	check := func(want State) {
		t.Helper()
		keys, err := Keys([]Step{s})
		if err != nil {
			t.Fatal(err)
		}
		if got := runner.State(s, keys["a"]); got != want {
			t.Errorf("State = %s, want %s", got, want)
		}
	}
	check(Missing)
	if err := runner.Run(t.Context(), []Step{s}); err != nil {
		t.Fatal(err)
	}
	check(Ready)
	s.Key = []string{"v2"}
	check(OutOfDate)
	if content, err := os.ReadFile(filepath.Join(runner.Cache.Logs(), "a.log")); err != nil || string(content) != "working on a" {
		t.Errorf("log = %q, %v", content, err)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		340 * time.Millisecond:      "340ms",
		4200 * time.Millisecond:     "4.2s",
		130*time.Second + 400*1e6:   "2m10s",
		59*time.Second + 600*1e6:    "1m0s",
		9*time.Second + 960*1e6:     "10s",
		12*time.Minute + 30*1e9:     "12m30s",
		1500*time.Microsecond + 400: "2ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %s, want %s", d, got, want)
		}
	}
}
