package poll

import (
	"context"
	"errors"
	"time"
)

// The pace of polling: quick at first, when most deployments show that they
// fail, and never slower than steadyDelay while AWS answers, so that an end is
// noticed within seconds. The SDK's own waiters let the pause grow to ten minutes.
const (
	earlyDelay  = 2 * time.Second
	steadyDelay = 5 * time.Second
	earlyPhase  = 30 * time.Second

	backoffBase = time.Second
	backoffMax  = 15 * time.Second

	jitter = 0.2
)

// Loop paces one polling loop.
type Loop struct {
	env      Env
	start    time.Time
	failures int
	// took is how long the last answer took; gaveUp is true after a call that got
	// none.
	took   time.Duration
	gaveUp bool
}

// Elapsed is the time since the loop began.
func (p *Loop) Elapsed() time.Duration { return time.Since(p.start) }

// Call makes one call of the loop with a limit of its own: four seconds, twice as
// long after each failure in a row, and at least twice what the last answer took;
// at most thirty. A call that gets no answer within it ends with a TimeoutError.
func (p *Loop) Call(ctx context.Context, call func(ctx context.Context) error) error {
	limit := max(readLimit<<min(p.failures, maxFailures), 2*p.took)
	start := time.Now()
	err := within(ctx, min(readLimitMax, limit), call)
	var timeout *TimeoutError
	if p.gaveUp = errors.As(err, &timeout); !p.gaveUp {
		p.took = time.Since(start)
	}
	return err
}

// Answered notes that AWS answered the last request.
func (p *Loop) Answered() { p.failures = 0 }

// Failed notes that the last request failed in passing, so that Wait backs off.
func (p *Loop) Failed() { p.failures++ }

// maxFailures is how many requests in a row may fail in passing before a loop
// that has nothing else to go by gives up.
const maxFailures = 8

// Exhausted reports whether so many requests failed one after another that
// asking again is pointless.
func (p *Loop) Exhausted() bool { return p.failures >= maxFailures }

// Wait sleeps until the next request is due, or returns ctx's error.
func (p *Loop) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d := delay(p.Elapsed(), p.failures, p.env.random())
	if p.gaveUp {
		// The call that was given up was pause enough.
		d = min(d, backoffBase)
	}
	return sleep(ctx, d)
}

// delay is the pause before the next request: by the loop's age, or, after
// failures, exponential; in both cases spread by jitter so that many callers
// do not ask at once. r is in [0,1).
func delay(elapsed time.Duration, failures int, r float64) time.Duration {
	d := steadyDelay
	if elapsed < earlyPhase {
		d = earlyDelay
	}
	if failures > 0 {
		b := backoffMax
		if failures < 6 {
			b = min(backoffMax, backoffBase<<(failures-1))
		}
		d = max(d, b)
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*r))
}
