// Package rollouttest plays scripts of what AWS does with the deployers, checks
// their verdicts, and gives integration tests their way to an emulated AWS.
package rollouttest

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

// Observed is what came of a scenario.
type Observed struct {
	// Outcome, Reason and Err are what the deployer returned.
	Outcome rollout.Outcome
	Reason  string
	Err     error
	// Changed is what the deployer says that it changed.
	Changed []string
	// Calls are the numbers of API calls by operation.
	Calls map[string]int
	// Seconds is the time from the change to the verdict.
	Seconds float64

	lines []string
	at    []time.Duration
}

// Said adds a progress line and when it came.
func (o *Observed) Said(at time.Duration, line string) {
	o.lines, o.at = append(o.lines, line), append(o.at, at)
}

// WaiterVerdict is what an SDK waiter said of the same script, and when.
type WaiterVerdict struct {
	// OK is success, Seconds when it was reported.
	OK      bool
	Seconds float64
}

// row is a line of the comparison.
type row struct {
	name         string
	ours         Observed
	want         rollout.Outcome
	end          float64
	waiter       WaiterVerdict
	waiterRuns   int
	waiterMean   float64
	waiterFalse  bool
	waiterBroken bool
}

// Suite plays scenarios with the deployers, and the same scripts with what else
// judges them, such as the SDK's own waiters, and reports both in a table.
type Suite struct {
	rows []row
}

// Add checks what was observed of a scenario against what it expects, and
// compares it with waiter's verdicts on the same script, which is nil where
// there is none to compare with. A waiter says whether it applies.
func (s *Suite) Add(t *testing.T, name string, o Observed, e Expectation, waiter func(*testing.T) (WaiterVerdict, bool)) {
	t.Helper()
	e.check(t, o)
	r := row{name: name, ours: o, want: e.Want, end: e.End}
	for range waiterRuns {
		if waiter == nil {
			break
		}
		v, applies := waiter(t)
		if !applies {
			break
		}
		r.waiter = v
		r.waiterRuns++
		r.waiterMean += v.Seconds
		early := v.Seconds < r.end-1
		r.waiterFalse = r.waiterFalse || v.OK && (early || undone(o.Outcome))
		r.waiterBroken = r.waiterBroken || !v.OK && o.Outcome.OK()
	}
	r.waiterMean /= float64(max(1, r.waiterRuns))
	s.rows = append(s.rows, r)
}

// waiterRuns is how often a waiter plays each script: its pauses are random.
const waiterRuns = 20

// undone reports whether the new version does not run after that outcome. After
// the others nobody has watched to the end.
func undone(o rollout.Outcome) bool {
	switch o {
	case rollout.VerificationFailed, rollout.RolledBack, rollout.RollbackFailed, rollout.Failed, rollout.Superseded, rollout.Stopped:
		return true
	default:
		return false
	}
}

// Expectation is what a scenario asserts.
type Expectation struct {
	// Want is the outcome, Reason a part of the reason given for it.
	Want   rollout.Outcome
	Reason string
	// Changed is a part of what was changed, joined by "; ".
	Changed string
	// Shown is a part of a progress line, reported at the latest by ShownBy seconds.
	Shown   string
	ShownBy float64
	// Calls are numbers of calls by operation; "total" is an upper bound.
	Calls map[string]int
	// End is when, in seconds after the change, the truth can be read;
	// Within is how many seconds later the verdict may come, 6 if it is 0.
	End, Within float64
}

func (e Expectation) check(t *testing.T, o Observed) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format+"\ncalls %v, error: %v\n%s", append(args, o.Calls, o.Err, strings.Join(o.lines, "\n"))...)
	}
	if o.Outcome != e.Want {
		fail("outcome %q (%s), want %q", o.Outcome, o.Reason, e.Want)
	}
	if !strings.Contains(o.Reason, e.Reason) {
		fail("reason %q does not contain %q", o.Reason, e.Reason)
	}
	if changed := strings.Join(o.Changed, "; "); !strings.Contains(changed, e.Changed) {
		fail("changed %q, which does not contain %q", changed, e.Changed)
	}
	if e.Want == rollout.NotStarted && len(o.Changed) > 0 {
		fail("refused before any change, after %q", o.Changed)
	}
	if (o.Err == nil) != e.Want.OK() {
		fail("outcome %q with error %v", o.Outcome, o.Err)
	}
	if !e.Want.OK() {
		if got := rollout.ExitCode(o.Err); got != e.Want.ExitCode() || got == 0 {
			fail("exit code %d, want %d", got, e.Want.ExitCode())
		}
		if o.Err != nil && !strings.Contains(o.Err.Error(), "\nnext: ") {
			fail("the error does not say what to do next")
		}
	}
	total := 0
	for _, n := range o.Calls {
		total += n
	}
	for op, n := range e.Calls {
		switch {
		case op == "total" && total > n:
			fail("%d API calls, want at most %d", total, n)
		case op != "total" && o.Calls[op] != n:
			fail("%d calls of %s, want %d", o.Calls[op], op, n)
		}
	}
	within := e.Within
	if within == 0 {
		within = 6
	}
	if late := o.Seconds - e.End; late > within || late < -1 {
		fail("the verdict came %.1f s after the update, the truth was there at %.1f s", o.Seconds, e.End)
	}
	if e.Shown == "" {
		return
	}
	if i := slices.IndexFunc(o.lines, func(l string) bool { return strings.Contains(l, e.Shown) }); i < 0 {
		fail("no progress line contains %q", e.Shown)
	} else if e.ShownBy > 0 && o.at[i].Seconds() > e.ShownBy {
		fail("%q was shown at %s, want it by %.0f s", e.Shown, o.at[i], e.ShownBy)
	}
}

// Sums are a suite's results.
type Sums struct {
	// Scenarios is how many there were, and Wrong how many of our verdicts were
	// false.
	Scenarios, Wrong int
	// Late is the 95th percentile of the seconds from the truth to our success.
	Late float64
	// FalseSuccesses and FalseFailures are those of the waiters.
	FalseSuccesses, FalseFailures int
}

// Report logs the comparison and returns its sums.
func (s *Suite) Report(t *testing.T) Sums {
	t.Helper()
	rows := s.rows
	var b strings.Builder
	fmt.Fprintf(&b, "%-72s %-24s %8s %8s %6s   %-15s %8s\n", "scenario", "verdict", "truth s", "ours s", "calls", "SDK waiter", "late s")
	var late []float64
	wrong, falseSuccess, falseFailure, compared := 0, 0, 0, 0
	var waiterLate []float64
	for _, r := range rows {
		calls := 0
		for _, n := range r.ours.Calls {
			calls += n
		}
		fmt.Fprintf(&b, "%-72s %-24s %8.0f %8.1f %6d   ", r.name, r.ours.Outcome, r.end, r.ours.Seconds, calls)
		if r.ours.Outcome != r.want {
			wrong++
		}
		if r.ours.Outcome.OK() {
			late = append(late, r.ours.Seconds-r.end)
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
		case r.ours.Outcome.OK():
			waiterLate = append(waiterLate, r.waiterMean-r.end)
		}
		fmt.Fprintf(&b, "%-15s %8.0f\n", says, r.waiterMean-r.end)
	}
	fmt.Fprintf(&b, "\n%d scenarios. Ours: %d false verdicts, success reported %.1f s after the truth at the 95th percentile.\n", len(rows), wrong, percentile(late, 0.95))
	fmt.Fprintf(&b, "SDK waiters, on %d of them: %d false successes, %d false failures; a true success was reported %.0f s late on the mean.\n",
		compared, falseSuccess, falseFailure, mean(waiterLate))
	t.Log("\n" + b.String())
	return Sums{
		Scenarios: len(rows), Wrong: wrong, Late: percentile(late, 0.95), FalseSuccesses: falseSuccess, FalseFailures: falseFailure,
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

// Steady makes the jitter of the SDK's waiters the same at each run, so that the
// table is too.
func Steady() { smithyrand.Reader = seeded{rand.NewChaCha8([32]byte{1})} }

// seeded is an io.Reader of the same bytes at each run.
type seeded struct{ *rand.ChaCha8 }

var _ io.Reader = seeded{}
