// Package poll asks AWS until there is an answer: how often, with what limit for
// each call, and which failures pass by themselves. Start at Env.
package poll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Env is what a deploy needs of the world besides AWS. The zero value is ready
// for use: real randomness, no progress lines. Time is the system's; tests make
// it pass at will in a testing/synctest bubble.
type Env struct {
	// Random gives numbers in [0,1) for jitter; nil means math/rand/v2.
	Random func() float64
	// Progress receives one line whenever something changed; nil means none.
	Progress func(line string)
	// Fence is asked before each change, such as whether the deploy lock is still
	// held under this run's token; its error keeps the change from being sent. Nil
	// means that nothing bars a change.
	Fence func(ctx context.Context) error
}

func (e Env) random() float64 {
	if e.Random == nil {
		return rand.Float64() // #nosec G404 -- jitter needs no secrecy
	}
	return e.Random()
}

// Reportf hands a line to Progress, formatted as fmt.Sprintf does.
func (e Env) Reportf(format string, args ...any) {
	if e.Progress != nil {
		e.Progress(fmt.Sprintf(format, args...))
	}
}

// Start begins a polling loop at the present moment.
func (e Env) Start() *Loop { return &Loop{env: e, start: time.Now()} }

// sleep waits for d or until ctx ends, and returns ctx's error then.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Retry repeats a call that fails in passing, until it is exhausted. The call is
// not limited in time; Ask limits each try.
func (e Env) Retry(ctx context.Context, call func() error) error {
	return e.repeat(ctx, func(*Loop) error { return call() })
}

// Ask repeats a read that fails in passing or gets no answer in time, until it
// is exhausted; see Loop.Call for the limit of each try.
func (e Env) Ask(ctx context.Context, read func(ctx context.Context) error) error {
	return e.repeat(ctx, func(loop *Loop) error { return loop.Call(ctx, read) })
}

func (e Env) repeat(ctx context.Context, call func(*Loop) error) error {
	loop := e.Start()
	for {
		err := call(loop)
		if err == nil || !Transient(err) || loop.Exhausted() {
			return err
		}
		loop.Failed()
		if werr := loop.Wait(ctx); werr != nil {
			return err
		}
	}
}

// Call makes one call with the shortest limit of a read, for what is not
// repeated.
func (e Env) Call(ctx context.Context, call func(ctx context.Context) error) error {
	return within(ctx, readLimit, call)
}

// Change makes one call that changes something, with a limit of its own, unless
// Fence bars it: the error is then a BarredError. It is never repeated here: after an error that Uncertain reports, its caller reads
// what the change made before it sends it again. The SDK has to be held to one
// attempt as well (RetryMaxAttempts of the client's options).
func (e Env) Change(ctx context.Context, call func(ctx context.Context) error) error {
	if e.Fence != nil {
		if err := within(ctx, readLimitMax, e.Fence); err != nil {
			return &BarredError{Err: err}
		}
	}
	return within(ctx, changeLimit, call)
}

// BarredError is a change that was not sent, because Env.Fence said no.
type BarredError struct {
	// Err is what Fence said.
	Err error
}

// Error says that nothing was sent, and why.
func (e *BarredError) Error() string { return "not sent: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *BarredError) Unwrap() error { return e.Err }
