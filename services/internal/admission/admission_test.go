package admission_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"sensor-backend/services/internal/admission"
)

func TestGate(t *testing.T) {
	t.Parallel()
	g := admission.New(100)
	a, also, b, c := g.Enter("a"), g.Enter("a"), g.Enter("b"), g.Enter("c")
	for i, step := range []struct {
		ticket *admission.Ticket
		bytes  int64
		full   bool
		taken  int64
	}{
		{a, 30, false, 30},
		{also, 21, true, 30}, // more than half
		{also, 20, false, 50},
		{a, 1, true, 50},
		{b, 50, false, 100},
		{c, 1, true, 100},
	} {
		if err := step.ticket.Take(step.bytes); errors.Is(err, admission.ErrFull) != step.full || g.Taken() != step.taken {
			t.Errorf("step %d: %v, %d taken", i, err, g.Taken())
		}
	}
	b.Give(10)
	b.Leave()
	b.Leave()
	b.Give(5)
	if err := c.Take(50); err != nil || g.Taken() != 100 {
		t.Errorf("behind a leave: %v, %d taken", err, g.Taken())
	}
	for _, ticket := range []*admission.Ticket{a, also, c} {
		ticket.Leave()
	}
	if g.Taken() != 0 || g.Capacity() != 100 {
		t.Errorf("at the end %d taken of %d", g.Taken(), g.Capacity())
	}
}

// TestGateIsExact has many at it at a time.
func TestGateIsExact(t *testing.T) {
	t.Parallel()
	g := admission.New(1000)
	var all sync.WaitGroup
	for client := range 20 {
		all.Go(func() {
			for range 1000 {
				ticket := g.Enter(string(rune('a' + client)))
				_ = ticket.Take(int64(client))
				_ = ticket.Take(100)
				if taken := g.Taken(); taken > 1000 {
					t.Errorf("%d taken", taken)
				}
				ticket.Leave()
			}
		})
	}
	all.Wait()
	if g.Taken() != 0 {
		t.Errorf("%d left", g.Taken())
	}
}

func TestLimitOfTheTask(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int64{
		`{"Family":"api","Limits":{"CPU":0.25,"Memory":16}}`: 16 << 20,
		`{"Limits":{"memory":16}}`:                           0,
		`{}`:                                                 0,
		`<html>`:                                             0,
	} {
		ecs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v4/1/task" {
				_, _ = io.WriteString(w, answer)
			}
		}))
		got := admission.Limit(t.Context(), ecs.URL+"/v4/1")
		// Without the task's, there may be that of a cgroup around the tests.
		if want > 0 && got != want || want == 0 && got == 16<<20 {
			t.Errorf("%s: %d, want %d", answer, got, want)
		}
		ecs.Close()
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	l := admission.NewLine(100, time.Millisecond)
	huge, err := l.Wait(t.Context(), 1000) // alone
	if err != nil || l.Taken() != 100 {
		t.Fatalf("%d taken, %v", l.Taken(), err)
	}
	if _, err := l.Wait(t.Context(), 1); !errors.Is(err, admission.ErrFull) {
		t.Errorf("beside it: %v", err)
	}
	huge.Keep(40)
	huge.Keep(50)
	other, err := l.Wait(t.Context(), 60)
	if err != nil || l.Taken() != 100 {
		t.Errorf("%d taken, %v", l.Taken(), err)
	}
	huge.End()
	huge.End()
	other.End()
	if l.Taken() != 0 || l.Capacity() != 100 {
		t.Errorf("%d taken of %d", l.Taken(), l.Capacity())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	held, err := l.Wait(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer held.End()
	if _, err := l.Wait(gone, 1); !errors.Is(err, context.Canceled) || errors.Is(err, admission.ErrFull) {
		t.Errorf("a client that is gone: %v", err)
	}
}
