// Package lock lets one deploy at a time work on an environment. The lock is an
// item in the DynamoDB table that also holds Terraform's locks: taken by a
// conditional write and kept as a lease that is renewed in the background. A
// deploy that was killed therefore blocks the next one only for minutes, and one
// that lost its lease learns it before its next change. Start at Acquire.
//
// It needs dynamodb:GetItem, dynamodb:PutItem and dynamodb:UpdateItem on the
// table, and nothing else.
package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is the part of DynamoDB that this package calls; *dynamodb.Client has
// it.
type Table interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

const (
	// Lease is how long a lock lasts without a renewal.
	Lease = 3 * time.Minute
	// margin is how long before the end of its lease a holder stops: longer than
	// the change that it may just have begun, so that no other holder starts
	// beside it.
	margin = 30 * time.Second
	// renewEvery is the pause between renewals, and retryEvery the pause after one
	// that failed.
	renewEvery = 30 * time.Second
	retryEvery = 5 * time.Second
	// MaxClockSkew is how far the clocks of two holders may be apart. A lease that
	// seems to be over by less may be that of a holder whose clock is behind: it is
	// observed for a whole Lease, and taken over only if nobody renewed it meanwhile
	// (as the Amazon DynamoDB Lock Client does).
	MaxClockSkew = 15 * time.Minute
	// maxTries bounds how often Acquire begins again after failures that pass.
	maxTries = 8
)

// Request says what to lock.
type Request struct {
	// Table names the DynamoDB table.
	Table string
	// Name is the lock's, such as deploy/sensor-backend-dev.
	Name string
	// Holder says who asks, for the one who is refused.
	Holder string
	// Progress receives one line when a renewal fails, when the lock is lost, and
	// when an abandoned lock is observed; nil means none.
	Progress func(line string)
}

func (r Request) reportf(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf("lock "+r.Name+": "+format, args...))
	}
}

// Lock is a lock that is held. Release it.
type Lock struct {
	api   Table
	req   Request
	token string
	fence int64

	ctx    context.Context
	cancel context.CancelCauseFunc
	// stop ends the renewals, and done is closed once they have ended.
	stop context.CancelFunc
	done chan struct{}

	mu sync.Mutex
	// renewed is when the last renewal that succeeded was sent.
	renewed time.Time
	lost    *LostError
}

// Acquire takes the lock, or returns a *HeldError when another holder has it.
// Until Release it is renewed in the background. A lock whose holder let its
// lease end is taken over; that takes up to a Lease longer, see MaxClockSkew.
func Acquire(ctx context.Context, api Table, req Request) (*Lock, error) {
	l := &Lock{api: api, req: req, token: rand.Text(), done: make(chan struct{})}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.renewals(renewing)
	return l, nil
}

// Context is derived from the one that Acquire was given. It ends, with a
// *LostError as its cause, when the lock is lost: work under the lock uses it.
func (l *Lock) Context() context.Context { return l.ctx }

// ID names this hold, for Inspect and ForceRelease.
func (l *Lock) ID() string { return l.token }

// Fence is a number that is greater than those of all earlier holds.
func (l *Lock) Fence() int64 { return l.fence }

// take writes the item. A write whose answer was lost may have succeeded: the
// token that is read back tells.
func (l *Lock) take(ctx context.Context) error {
	loop := poll.Env{}.Start()
	var sent time.Time
	for try := 1; ; try++ {
		seen, err := l.read(ctx)
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			return fmt.Errorf("take the lock %s: there is no table %s; run setup-backend once: %w", l.req.Name, l.req.Table, err)
		case err == nil && seen.token == l.token:
			l.fence, l.renewed = seen.fence, sent
			return nil
		case err == nil && seen.held():
			if err := l.observe(ctx, seen); err != nil {
				return err
			}
		}
		if err == nil {
			sent = time.Now()
			err = l.put(ctx, seen, sent)
		}
		var refused *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			l.fence, l.renewed = seen.fence+1, sent
			return nil
		case try < maxTries && errors.As(err, &refused):
			continue
		case try < maxTries && poll.Transient(err) && loop.Wait(ctx) == nil:
			continue
		}
		if !sent.IsZero() {
			l.withdraw(ctx)
		}
		return fmt.Errorf("take the lock %s in table %s: %w", l.req.Name, l.req.Table, err)
	}
}

// observe returns nil when a lock may be taken over, and otherwise a *HeldError.
func (l *Lock) observe(ctx context.Context, seen item) error {
	over := time.Since(seen.until)
	switch {
	case over < 0:
		return seen.heldError(l.req.Name)
	case over > MaxClockSkew:
		return nil
	}
	l.req.reportf("the lease of %s seems to be over; waiting up to %s to see that nobody renews it", seen.holder, Lease)
	for first, loop := time.Now(), (poll.Env{}).Start(); ; {
		now, err := l.read(ctx)
		switch {
		case err != nil && !poll.Transient(err):
			return fmt.Errorf("observe the lock %s: %w", l.req.Name, err)
		case err == nil && !now.held():
			return nil
		case err == nil && (now.token != seen.token || !now.until.Equal(seen.until)):
			return now.heldError(l.req.Name)
		case err == nil && time.Since(first) >= Lease:
			return nil
		}
		if err := loop.Wait(ctx); err != nil {
			return fmt.Errorf("observe the lock %s, which %s holds: %w", l.req.Name, seen.holder, err)
		}
	}
}

// Check returns nil if the lock is still held, and is to be asked before each
// change. It compares token and fencing number with the table by a strongly
// consistent read, and the lease with the local clocks: a process that was
// paused learns here that it must not write any more. The error is a *LostError
// for a lock that is lost, and of another kind if that cannot be found out.
func (l *Lock) Check(ctx context.Context) error {
	for try := 1; ; try++ {
		if err := l.lapsed(); err != nil {
			return err
		}
		seen, err := l.read(ctx)
		switch {
		case err == nil && (seen.token != l.token || seen.fence != l.fence):
			return l.lose(seen.takenBy(l.req.Name))
		case err == nil:
			return l.lapsed()
		case try == 3 || !poll.Transient(err):
			return fmt.Errorf("it cannot be checked that the lock %s is still held: %w", l.req.Name, err)
		}
	}
}

// remaining is how long the holder may go on. A laptop that sleeps stops Go's
// monotonic clock and not the wall clock, so the one that shows more time counts.
func (l *Lock) remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return Lease - margin - max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

// lapsed is the error of a lock that is known to be lost or whose lease is about
// to end; nil for one that is held.
func (l *Lock) lapsed() error {
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	switch {
	case lost != nil:
		return lost
	case l.remaining() <= 0:
		return l.lose(&LostError{Name: l.req.Name, Err: errors.New("it was not renewed in time")})
	}
	return nil
}

// lose notes, once, that the lock is lost, and ends the work.
func (l *Lock) lose(lost *LostError) error {
	l.mu.Lock()
	first := l.lost == nil
	if first {
		l.lost = lost
	}
	lost = l.lost
	l.mu.Unlock()
	if first {
		l.req.reportf("%v", lost)
		l.cancel(lost)
	}
	return lost
}

// renewals renews the lease until ctx ends or the lock is lost.
func (l *Lock) renewals(ctx context.Context) {
	defer close(l.done)
	var failed error
	for {
		pause := renewEvery
		if failed != nil {
			pause = retryEvery
		}
		timer := time.NewTimer(min(pause, max(0, l.remaining())))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if l.remaining() <= 0 {
			_ = l.lose(&LostError{Name: l.req.Name, Err: errors.Join(errors.New("it was not renewed in time"), failed)})
			return
		}
		sent := time.Now()
		err := l.renew(ctx, sent)
		var refused *types.ConditionalCheckFailedException
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &refused):
			_ = l.lose(l.whoTookIt(ctx))
			return
		case err != nil && failed == nil:
			l.req.reportf("it cannot be renewed, and is lost in %s unless that passes: %v", l.remaining().Round(time.Second), err)
		case err == nil:
			l.mu.Lock()
			l.renewed = sent
			l.mu.Unlock()
			if failed != nil {
				l.req.reportf("it is renewed again")
			}
		}
		failed = err
	}
}

// whoTookIt reads who has the lock now.
func (l *Lock) whoTookIt(ctx context.Context) *LostError {
	seen, err := l.read(ctx)
	if err != nil {
		return &LostError{Name: l.req.Name, Err: fmt.Errorf("another holder took it over, which cannot be read: %w", err)}
	}
	return seen.takenBy(l.req.Name)
}

// The limits of Release: of all its tries, and that of a caller who was canceled
// and wants to exit.
const (
	releaseLimit         = 5 * time.Second
	canceledReleaseLimit = 2 * time.Second
)

// Release gives the lock back, also when ctx has ended. A lock that another
// holder took meanwhile is left to that one, and the error is a *LostError then.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	<-l.done
	defer l.cancel(context.Canceled)
	limit := releaseLimit
	if ctx.Err() != nil {
		limit = canceledReleaseLimit
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for {
		err := release(ctx, l.api, l.req.Table, l.req.Name, l.token, limit/3)
		if err == nil {
			return nil
		}
		var refused *types.ConditionalCheckFailedException
		if errors.As(err, &refused) {
			return l.released(ctx)
		}
		timer := time.NewTimer(limit / 20)
		select {
		case <-ctx.Done():
		case <-timer.C:
			if poll.Transient(err) {
				continue
			}
		}
		timer.Stop()
		return fmt.Errorf("release the lock %s: %w; it ends by itself within %s", l.req.Name, err, Lease)
	}
}

// released distinguishes a lock that an earlier try released from one that was lost.
func (l *Lock) released(ctx context.Context) error {
	seen, err := l.read(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("release the lock %s: it is released or lost, and cannot be read: %w", l.req.Name, err)
	case !seen.held():
		return nil
	}
	return seen.takenBy(l.req.Name)
}

// withdraw releases what a write whose answer was lost may have taken.
func (l *Lock) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), canceledReleaseLimit)
	defer cancel()
	// It fails when nothing was taken, which is what is wanted.
	_ = release(ctx, l.api, l.req.Table, l.req.Name, l.token, canceledReleaseLimit)
}

func (l *Lock) read(ctx context.Context) (item, error) {
	return read(ctx, l.api, l.req.Table, l.req.Name)
}

// put writes the whole item in the place of what was seen.
func (l *Lock) put(ctx context.Context, seen item, now time.Time) error {
	in := &dynamodb.PutItemInput{TableName: aws.String(l.req.Table), Item: map[string]types.AttributeValue{
		keyAttribute: text(l.req.Name), "Token": text(l.token), "Holder": text(l.req.Holder),
		"Since": number(now.Unix()), "Until": number(now.Add(Lease).Unix()), "Fence": number(seen.fence + 1),
	}}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = seen.unchanged()
	return poll.Env{}.Call(ctx, func(ctx context.Context) error {
		_, err := l.api.PutItem(ctx, in, once)
		return err
	})
}

func (l *Lock) renew(ctx context.Context, now time.Time) error {
	return poll.Env{}.Call(ctx, func(ctx context.Context) error {
		_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(l.req.Table), Key: key(l.req.Name),
			UpdateExpression:          aws.String("SET #until = :until"),
			ConditionExpression:       aws.String("#token = :token"),
			ExpressionAttributeNames:  map[string]string{"#until": "Until", "#token": "Token"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":until": number(now.Add(Lease).Unix()), ":token": text(l.token)},
		}, once)
		return err
	})
}

// once makes the SDK send a request a single time: after an answer that was lost
// this package reads the state before it sends again.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
