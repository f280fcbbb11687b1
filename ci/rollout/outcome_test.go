package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestEachOutcomeHasItsExitCode(t *testing.T) {
	t.Parallel()
	known := map[int]Outcome{}
	for _, o := range Outcomes() {
		err := error(&Error{Outcome: o, Subject: "x", Reason: "why", Next: "do", Err: context.Canceled})
		code := ExitCode(err)
		if other, ok := known[code]; ok && !o.OK() {
			t.Errorf("%q and %q share exit code %d", o, other, code)
		}
		known[code] = o
		if o.OK() != (code == 0) || code == 1 || code == 2 {
			t.Errorf("%q has exit code %d", o, code)
		}
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "why: context canceled\nnext: do") {
			t.Errorf("%q", err)
		}
	}
	named := &Error{Outcome: Failed, Subject: "x", Reason: "why", Changed: []string{"revision api:7 registered", "migration applied"}, Next: "do"}
	if want := "deploy to x: failed: why\nchanged: revision api:7 registered, migration applied\nnext: do"; named.Error() != want {
		t.Errorf("%q, want %q", named, want)
	}
	if ExitCode(nil) != 0 || ExitCode(errors.New("x")) != 1 {
		t.Error("an error without an outcome ends with 1, none with 0")
	}
}

// TestEnded wants what may still complete to be called open.
func TestEnded(t *testing.T) {
	t.Parallel()
	open := map[Outcome]bool{TimedOut: true, Canceled: true, Lost: true}
	for _, o := range Outcomes() {
		if o.Ended() == open[o] {
			t.Errorf("%q: ended %t", o, o.Ended())
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	var none *Changes
	none.Add("lost")
	if none.List() != nil {
		t.Errorf("nil collects %v", none.List())
	}
	var c Changes
	c.Add("a")
	list := c.List()
	c.Add("b")
	if len(list) != 1 || strings.Join(c.List(), " ") != "a b" {
		t.Errorf("%v, then %v", list, c.List())
	}
}
