package processor

import (
	"context"
	"errors"
	"time"
)

// ErrClaimed is returned, wrapped, while another invocation works on an
// object; the event should come again.
var ErrClaimed = errors.New("another invocation works on this object")

// Claim says who works on an object, and how far it came with a content.
type Claim struct {
	Key     string
	Owner   string    // the invocation
	Content string    // the ETag of what is worked on
	Until   time.Time // from when on the owner is taken for dead; zero when it has finished
	Written time.Time // when the owner last said so; some time after it the claim may be forgotten
	Alerted bool      // the alerts of this content are published
}

// Claims keeps two invocations from working on one object at a time.
type Claims interface {
	// Take claims an object until c.Until. It succeeds when nobody else's
	// claim lasts at the time c.Written, and returns the claim as it is kept:
	// with Alerted of a claim before it on the same content. Otherwise the
	// error wraps ErrClaimed.
	Take(ctx context.Context, c Claim) (Claim, error)
	// Keep replaces the owner's own claim.
	Keep(ctx context.Context, c Claim) error
	// Held says whether anybody's claim on an object lasts at the time now.
	Held(ctx context.Context, key string, now time.Time) (bool, error)
}

// finishing is how long before its deadline an invocation stops working, to
// have the time to say so.
const finishing = 2 * time.Second

// longestClaim bounds the claim of an invocation without a deadline.
const longestClaim = 15 * time.Minute

// inTime returns the time by which the work must be done, and from which on
// others may take it over.
func inTime(ctx context.Context, now time.Time) (work context.Context, cancel context.CancelFunc, until time.Time) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}, now.Add(longestClaim)
	}
	work, cancel = context.WithDeadline(ctx, deadline.Add(-finishing))
	return work, cancel, deadline
}
