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

// Verdict is what another judge says of the same script, and when.
type Verdict struct {
	// OK is success, Seconds when it was reported after the change.
	OK      bool
	Seconds float64
}

// Peer is another judge of the same scripts, such as the SDK's own waiter.
type Peer struct {
	// Name heads its column.
	Name string
	// Runs is how often it plays each script: more than once where its pauses are
	// random.
	Runs int
	// Judge plays the script; applies is false where it has no say.
	Judge func(*testing.T) (v Verdict, applies bool)
}

// opinion is what came of a peer's runs of one script.
type opinion struct {
	runs         int
	mean         float64
	falseSuccess bool
	falseFailure bool
}

// row is a line of the comparison.
type row struct {
	name  string
	ours  Observed
	want  rollout.Outcome
	end   float64
	peers map[string]opinion
}

// Suite plays scenarios with the deployers, and the same scripts with what else
// judges them, and reports both in a table.
type Suite struct {
	rows  []row
	peers []string
}

// Add checks what was observed of a scenario against what it expects, and
// compares it with the peers' verdicts on the same script.
func (s *Suite) Add(t *testing.T, name string, o Observed, e Expectation, peers ...Peer) {
	t.Helper()
	e.check(t, o)
	r := row{name: name, ours: o, want: e.Want, end: e.End, peers: map[string]opinion{}}
	for _, p := range peers {
		if !slices.Contains(s.peers, p.Name) {
			s.peers = append(s.peers, p.Name)
		}
		var said opinion
		for range p.Runs {
			v, applies := p.Judge(t)
			if !applies {
				break
			}
			said.runs++
			said.mean += v.Seconds / float64(p.Runs)
			early := v.Seconds < r.end-1
			said.falseSuccess = said.falseSuccess || v.OK && (early || undone(o.Outcome))
			said.falseFailure = said.falseFailure || !v.OK && o.Outcome.OK()
		}
		if said.runs > 0 {
			r.peers[p.Name] = said
		}
	}
	s.rows = append(s.rows, r)
}

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
	// Peers are those of the others, by name.
	Peers map[string]PeerSums
}

// PeerSums are what a peer's verdicts come to.
type PeerSums struct {
	// Compared is on how many scripts it had a say.
	Compared                      int
	FalseSuccesses, FalseFailures int
	// Late is how many seconds after the truth it reported a true success, on the
	// mean.
	Late float64
}

// Report logs the comparison and returns its sums.
func (s *Suite) Report(t *testing.T) Sums {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%-72s %-24s %8s %8s %6s", "scenario", "verdict", "truth s", "ours s", "calls")
	for _, peer := range s.peers {
		fmt.Fprintf(&b, "   %-15s %8s", peer, "late s")
	}
	b.WriteString("\n")
	sums := Sums{Scenarios: len(s.rows), Peers: map[string]PeerSums{}}
	var late []float64
	peerLate := map[string][]float64{}
	for _, r := range s.rows {
		calls := 0
		for _, n := range r.ours.Calls {
			calls += n
		}
		fmt.Fprintf(&b, "%-72s %-24s %8.0f %8.1f %6d", r.name, r.ours.Outcome, r.end, r.ours.Seconds, calls)
		if r.ours.Outcome != r.want {
			sums.Wrong++
		}
		if r.ours.Outcome.OK() {
			late = append(late, r.ours.Seconds-r.end)
		}
		for _, peer := range s.peers {
			said, ok := r.peers[peer]
			if !ok {
				fmt.Fprintf(&b, "   %-15s %8s", "-", "-")
				continue
			}
			sum := sums.Peers[peer]
			sum.Compared++
			says := "right"
			switch {
			case said.falseSuccess:
				says = "FALSE SUCCESS"
				sum.FalseSuccesses++
			case said.falseFailure:
				says = "FALSE FAILURE"
				sum.FalseFailures++
			case r.ours.Outcome.OK():
				peerLate[peer] = append(peerLate[peer], said.mean-r.end)
			}
			sums.Peers[peer] = sum
			fmt.Fprintf(&b, "   %-15s %8.0f", says, said.mean-r.end)
		}
		b.WriteString("\n")
	}
	sums.Late = percentile(late, 0.95)
	fmt.Fprintf(&b, "\n%d scenarios. Ours: %d false verdicts, success reported %.1f s after the truth at the 95th percentile, %.1f s on the mean.\n",
		sums.Scenarios, sums.Wrong, sums.Late, mean(late))
	for _, peer := range s.peers {
		sum := sums.Peers[peer]
		sum.Late = mean(peerLate[peer])
		sums.Peers[peer] = sum
		fmt.Fprintf(&b, "%s, on %d of them: %d false successes, %d false failures; a true success was reported %.0f s after the truth on the mean.\n",
			peer, sum.Compared, sum.FalseSuccesses, sum.FalseFailures, sum.Late)
	}
	t.Log("\n" + b.String())
	return sums
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
