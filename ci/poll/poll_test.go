package poll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

// hang never answers.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("request canceled: %w", ctx.Err())
}

func TestErrorsByKind(t *testing.T) {
	t.Parallel()
	code := func(c string) error { return fmt.Errorf("wrapped: %w", &smithy.GenericAPIError{Code: c}) }
	for _, c := range []struct {
		err                  error
		transient, uncertain bool
	}{
		{nil, false, false},
		{errors.New("no"), false, false},
		{context.Canceled, false, false},
		{code("AccessDeniedException"), false, false},
		{code("ThrottlingException"), true, false},
		{code("TooManyRequestsException"), true, false},
		{code("ServerException"), true, true},
		{code("InternalServiceError"), true, true},
		{&TimeoutError{After: time.Second}, true, true},
		{context.DeadlineExceeded, true, true},
		{io.ErrUnexpectedEOF, true, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true, true},
	} {
		if Transient(c.err) != c.transient || Uncertain(c.err) != c.uncertain {
			t.Errorf("%v: transient %t, uncertain %t", c.err, Transient(c.err), Uncertain(c.err))
		}
	}
}

// TestAHungReadIsGivenUpAndRepeated wants one hung call to cost five seconds, and
// one that is slow to be waited for.
func TestAHungReadIsGivenUpAndRepeated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes []time.Duration // the last one is for all that follow
		want  time.Duration
		fails bool
	}{
		"hangs once":   {[]time.Duration{time.Hour, 0}, 6 * time.Second, false},
		"always slow":  {[]time.Duration{7 * time.Second}, 13 * time.Second, false},
		"hangs always": {[]time.Duration{time.Hour}, 6 * time.Minute, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			start, calls := time.Now(), 0
			err := Env{Random: func() float64 { return 0.5 }}.Ask(t.Context(), func(ctx context.Context) error {
				calls++
				return sleep(ctx, c.takes[min(calls, len(c.takes))-1])
			})
			if took := time.Since(start); (err != nil) != c.fails || took > c.want {
				t.Errorf("%s: %v after %s and %d calls", name, err, took, calls)
			}
		})
	}
}

// TestAChangeIsSentOnce wants a hung change to be given up, not repeated.
func TestAChangeIsSentOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := Env{}.Change(t.Context(), func(ctx context.Context) error { calls++; return hang(ctx) })
		if !Uncertain(err) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// TestAFenceBarsChanges wants a change that may not be made not to be sent, and not
// to be called passing.
func TestAFenceBarsChanges(t *testing.T) {
	t.Parallel()
	env := Env{Fence: func(context.Context) error { return &TimeoutError{After: time.Second} }}
	err := env.Change(t.Context(), func(context.Context) error { t.Error("sent"); return nil })
	var barred *BarredError
	if !errors.As(err, &barred) || Transient(err) {
		t.Errorf("%v", err)
	}
	if err := env.Call(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("a read: %v", err)
	}
}

// TestTheCallersEndStaysTheCallers does not call a canceled context a timeout.
func TestTheCallersEndStaysTheCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var timeout *TimeoutError
		if err := (Env{}).Call(ctx, hang); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) {
			t.Errorf("%v", err)
		}
		if err := (Env{}).Ask(ctx, hang); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}
