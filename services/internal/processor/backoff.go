package processor

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff waits between attempts at what others are busy with: 50 to 100 ms
// before the second, twice as long before each further one up to 2 s.
func Backoff(ctx context.Context, attempt int) error {
	const first, longest = 100 * time.Millisecond, 2 * time.Second
	wait := min(first<<min(attempt, 10), longest)
	wait = wait/2 + rand.N(wait/2) //nolint:gosec // spreads attempts, hides nothing
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
