package terraform

import (
	"testing"
	"time"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	planned := Moment{State: "v1", Image: "host/a@sha256:1", Caller: "AKIA1", At: at}
	for name, c := range map[string]struct {
		change func(*Moment)
		holds  bool
	}{
		"nothing has changed":       {func(*Moment) {}, true},
		"some minutes later":        {func(m *Moment) { m.At = at.Add(9 * time.Minute) }, true},
		"another run has applied":   {func(m *Moment) { m.State = "v2" }, false},
		"the state is gone":         {func(m *Moment) { m.State = "" }, false},
		"another image was pushed":  {func(m *Moment) { m.Image = "host/a@sha256:2" }, false},
		"the credentials are new":   {func(m *Moment) { m.Caller = "AKIA2" }, false},
		"it waited too long":        {func(m *Moment) { m.At = at.Add(planFor) }, false},
		"the clock was turned back": {func(m *Moment) { m.At = at.Add(-time.Second) }, false},
	} {
		now := planned
		c.change(&now)
		if got := planned.Holds(now); got != c.holds {
			t.Errorf("%s: %t, want %t", name, got, c.holds)
		}
	}
	if never := (Moment{At: at}); never.Holds(never) {
		t.Error("a plan for no state at all holds")
	}
}
