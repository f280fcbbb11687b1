package rollout_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/rollout"

	smithyrand "github.com/aws/smithy-go/rand"
)

// observed is what came of a scenario.
type observed struct {
	outcome rollout.Outcome
	reason  string
	err     error
	calls   map[string]int
	seconds float64
	lines   []string
	at      []time.Duration
}

func (o *observed) said(at time.Duration, line string) {
	o.lines, o.at = append(o.lines, line), append(o.at, at)
}

// waiterVerdict is what an SDK waiter said of the same script, and when.
type waiterVerdict struct {
	ok      bool
	seconds float64
}

// row is a line of the comparison.
type row struct {
	name         string
	ours         observed
	want         rollout.Outcome
	end          float64
	waiter       waiterVerdict
	waiterRuns   int
	waiterMean   float64
	waiterFalse  bool
	waiterBroken bool
}

// TestVerdictScenarios plays every scenario with the deployers, and the same
// scripts with the SDK's own waiters, which it reports in a table.
func TestVerdictScenarios(t *testing.T) {
	// The waiters' jitter comes from this reader; a fixed one makes the table
	// the same at each run.
	smithyrand.Reader = seeded{rand.NewChaCha8([32]byte{1})}
	var rows []row
	check := func(t *testing.T, name string, o observed, s expectation) {
		t.Helper()
		s.check(t, o)
		rows = append(rows, row{name: name, ours: o, want: s.want, end: s.end})
	}
	compare := func(t *testing.T, waiter func(*testing.T) (waiterVerdict, bool)) {
		r := &rows[len(rows)-1]
		for range 20 {
			v, applies := waiter(t)
			if !applies {
				return
			}
			r.waiter = v
			r.waiterRuns++
			r.waiterMean += v.seconds
			early := v.seconds < r.end-1
			r.waiterFalse = r.waiterFalse || v.ok && (early || undone(r.ours.outcome))
			r.waiterBroken = r.waiterBroken || !v.ok && r.ours.outcome.OK()
		}
		r.waiterMean /= float64(r.waiterRuns)
	}
	for _, s := range ecsScenarios() {
		t.Run("ecs "+s.name, func(t *testing.T) {
			check(t, "ecs "+s.name, s.run(t), expectation{s.want, s.reason, s.shown, s.shownBy, s.calls, s.end, s.within})
			compare(t, s.waiter)
		})
	}
	for _, s := range lambdaScenarios() {
		t.Run("lambda "+s.name, func(t *testing.T) {
			check(t, "lambda "+s.name, s.run(t), expectation{s.want, s.reason, s.shown, 0, s.calls, s.end, s.within})
			compare(t, s.waiter)
		})
	}
	for _, s := range scanScenarios() {
		t.Run("scan "+s.name, func(t *testing.T) {
			check(t, "scan "+s.name, s.run(t), expectation{want: s.want, reason: s.reason, end: s.end, within: s.within})
			compare(t, s.waiter)
		})
	}
	report(t, rows)
}

// undone reports whether the new version does not run after that outcome. After
// the others nobody has looked to the end.
func undone(o rollout.Outcome) bool {
	switch o {
	case rollout.VerificationFailed, rollout.RolledBack, rollout.RollbackFailed, rollout.Failed, rollout.Superseded, rollout.Stopped:
		return true
	default:
		return false
	}
}

// expectation is what a scenario asserts.
type expectation struct {
	want    rollout.Outcome
	reason  string
	shown   string
	shownBy float64
	calls   map[string]int
	end     float64
	within  float64
}

func (e expectation) check(t *testing.T, o observed) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format+"\ncalls %v, error: %v\n%s", append(args, o.calls, o.err, strings.Join(o.lines, "\n"))...)
	}
	if o.outcome != e.want {
		fail("outcome %q (%s), want %q", o.outcome, o.reason, e.want)
	}
	if !strings.Contains(o.reason, e.reason) {
		fail("reason %q does not contain %q", o.reason, e.reason)
	}
	if (o.err == nil) != e.want.OK() {
		fail("outcome %q with error %v", o.outcome, o.err)
	}
	if !e.want.OK() {
		if got := rollout.ExitCode(o.err); got != e.want.ExitCode() || got == 0 {
			fail("exit code %d, want %d", got, e.want.ExitCode())
		}
		if o.err != nil && !strings.Contains(o.err.Error(), "\nnext: ") {
			fail("the error does not say what to do next")
		}
	}
	total := 0
	for _, n := range o.calls {
		total += n
	}
	for op, n := range e.calls {
		switch {
		case op == "total" && total > n:
			fail("%d API calls, want at most %d", total, n)
		case op != "total" && o.calls[op] != n:
			fail("%d calls of %s, want %d", o.calls[op], op, n)
		}
	}
	within := e.within
	if within == 0 {
		within = 6
	}
	if late := o.seconds - e.end; late > within || late < -1 {
		fail("the verdict came %.1f s after the update, the truth was there at %.1f s", o.seconds, e.end)
	}
	if e.shown == "" {
		return
	}
	if i := slices.IndexFunc(o.lines, func(l string) bool { return strings.Contains(l, e.shown) }); i < 0 {
		fail("no progress line contains %q", e.shown)
	} else if e.shownBy > 0 && o.at[i].Seconds() > e.shownBy {
		fail("%q was shown at %s, want it by %.0f s", e.shown, o.at[i], e.shownBy)
	}
}

// report logs the comparison and asserts its sums.
func report(t *testing.T, rows []row) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%-72s %-24s %8s %8s %6s   %-15s %8s\n", "scenario", "verdict", "truth s", "ours s", "calls", "SDK waiter", "late s")
	var late []float64
	wrong, falseSuccess, falseFailure, compared := 0, 0, 0, 0
	var waiterLate []float64
	for _, r := range rows {
		calls := 0
		for _, n := range r.ours.calls {
			calls += n
		}
		fmt.Fprintf(&b, "%-72s %-24s %8.0f %8.1f %6d   ", r.name, r.ours.outcome, r.end, r.ours.seconds, calls)
		if r.ours.outcome != r.want {
			wrong++
		}
		if r.ours.outcome.OK() {
			late = append(late, r.ours.seconds-r.end)
		}
		if r.waiterRuns == 0 {
			fmt.Fprintf(&b, "%-15s %8s\n", "-", "-")
			continue
		}
		compared++
		says := "right"
		switch {
		case r.waiterFalse:
			says = "FALSE SUCCESS"
			falseSuccess++
		case r.waiterBroken:
			says = "FALSE FAILURE"
			falseFailure++
		case r.ours.outcome.OK():
			waiterLate = append(waiterLate, r.waiterMean-r.end)
		}
		fmt.Fprintf(&b, "%-15s %8.0f\n", says, r.waiterMean-r.end)
	}
	fmt.Fprintf(&b, "\n%d scenarios. Ours: %d false verdicts, success reported %.1f s after the truth at the 95th percentile.\n", len(rows), wrong, percentile(late, 0.95))
	fmt.Fprintf(&b, "SDK waiters, on %d of them: %d false successes, %d false failures; a true success was reported %.0f s late on the mean.\n",
		compared, falseSuccess, falseFailure, mean(waiterLate))
	t.Log("\n" + b.String())
	if len(rows) < 22 {
		t.Errorf("%d scenarios, want at least 22", len(rows))
	}
	if p := percentile(late, 0.95); p > 6 {
		t.Errorf("success is reported %.1f s late at the 95th percentile, want at most 6", p)
	}
	if falseSuccess == 0 {
		t.Error("the SDK's waiter gives no false success, so these scripts show nothing")
	}
}

func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(p*float64(len(values))))]
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}

// seeded is an io.Reader of the same bytes at each run.
type seeded struct{ *rand.ChaCha8 }

var _ io.Reader = seeded{}
