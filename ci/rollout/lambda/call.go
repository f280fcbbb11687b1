package lambda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
)

const (
	// changeLimit is how long a change may go without an answer. An upload gets the
	// time that it takes at uploadRate, in bytes a second, in addition.
	changeLimit = 15 * time.Second
	uploadRate  = 256 << 10
	// grace is how long a change that was sent may still be answered after the
	// caller gave up, so that its effect is known.
	grace = time.Second
	// staleFor is how long a read may show what was before a change: Lambda's reads
	// are eventually consistent.
	staleFor = 20 * time.Second
)

// once makes the SDK send a change a single time: after an answer that was lost
// this package reads the state before it sends again.
func once(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }

// unsentError is a change that was not sent because the caller gave up before.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// change sends one change, with a limit of its own. A caller that gives up in the
// middle gets its answer if it comes within grace.
func (d *deployment) change(ctx context.Context, limit time.Duration, send func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return &unsentError{err}
	}
	if d.Env.Fence != nil {
		if err := d.Env.Fence(ctx); err != nil {
			return &poll.BarredError{Err: err}
		}
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	err := send(limited)
	if err != nil && limited.Err() != nil {
		return &poll.TimeoutError{After: limit}
	}
	return err
}

// unknown reports an error after which it is not known whether a change took
// effect: it is not AWS that refused it.
func unknown(err error) bool {
	var refused smithy.APIError
	var barred *poll.BarredError
	var unsent *unsentError
	if err == nil || errors.As(err, &barred) || errors.As(err, &unsent) {
		return false
	}
	return poll.Uncertain(err) || !errors.As(err, &refused)
}

// busy reports refusals that come from a change under way or just made:
// ResourceConflictException and, for a revision that is not the newest any more,
// PreconditionFailedException.
func busy(err error) bool {
	return poll.IsCode(err, "ResourceConflictException", "PreconditionFailedException")
}

// pause waits before the next try, or ends the deploy when the time is up.
func (d *deployment) pause(ctx context.Context, why error) error {
	if d.poll.Elapsed() >= d.req.Timeout {
		return &failureError{
			outcome: rollout.TimedOut,
			reason:  fmt.Sprintf("no end after %s: %v", d.req.Timeout, why),
			next:    d.unmoved(),
		}
	}
	return d.pace.Wait(ctx)
}

// ask repeats a read that fails in passing, within the deploy's time limit.
func (d *deployment) ask(ctx context.Context, read func(ctx context.Context) error) error {
	loop := d.Env.Start()
	for {
		err := loop.Call(ctx, read)
		if err == nil || ctx.Err() != nil || !poll.Transient(err) || loop.Exhausted() {
			return err
		}
		if timeUp := d.poll.Elapsed() >= d.req.Timeout; timeUp {
			return d.pause(ctx, err)
		}
		loop.Failed()
		if loop.Wait(ctx) != nil {
			return err
		}
	}
}
