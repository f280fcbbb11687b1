package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestEachOutcomeHasItsExitCode(t *testing.T) {
	t.Parallel()
	seen := map[int]Outcome{}
	for _, o := range Outcomes() {
		err := error(&Error{Outcome: o, Subject: "x", Reason: "why", Next: "do", Err: context.Canceled})
		code := ExitCode(err)
		if other, ok := seen[code]; ok && !o.OK() {
			t.Errorf("%q and %q share exit code %d", o, other, code)
		}
		seen[code] = o
		if o.OK() != (code == 0) || code == 1 || code == 2 {
			t.Errorf("%q has exit code %d", o, code)
		}
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "why: context canceled\nnext: do") {
			t.Errorf("%q", err)
		}
	}
	if ExitCode(nil) != 0 || ExitCode(errors.New("x")) != 1 {
		t.Error("an error without an outcome ends with 1, none with 0")
	}
}
