package poll

import (
	"context"
	"fmt"
	"time"
)

// The limits of one call. A read that hangs is given up soon and repeated with
// twice the time, so that one lost connection costs seconds, and an AWS that is
// merely slow is waited for. A change is given longer: after an answer that is
// given up, its effect has to be read.
const (
	readLimit    = 4 * time.Second
	readLimitMax = 30 * time.Second
	changeLimit  = 15 * time.Second
)

// TimeoutError is a call that got no answer within its limit. It is passing, and
// what the call was to change may have happened.
type TimeoutError struct {
	// After is the limit.
	After time.Duration
}

// Error says how long there was no answer.
func (e *TimeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// within makes a call with a limit of its own. Its error is a TimeoutError if the
// limit ended it; an end of ctx itself stays ctx's.
func within(ctx context.Context, limit time.Duration, call func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := call(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &TimeoutError{After: limit}
	}
	return err
}
