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
}

func (e Env) random() float64 {
	if e.Random == nil {
		return rand.Float64() // #nosec G404 -- jitter needs no secrecy
	}
	return e.Random()
}

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

// Retry repeats a call that fails in passing, until it is exhausted.
func (e Env) Retry(ctx context.Context, call func() error) error {
	loop := e.Start()
	for {
		err := call()
		if err == nil || !Transient(err) || loop.Exhausted() {
			return err
		}
		loop.Failed()
		if werr := loop.Wait(ctx); werr != nil {
			return err
		}
	}
}
