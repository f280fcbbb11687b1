package tfstate

import (
	"context"

	"dagger/sensor-backend/poll"
)

// ask makes a call that may be repeated, with a limit for each try. All changes of this
// package may: what they make is the same each time, or is looked up afterwards.
func ask(ctx context.Context, call func(ctx context.Context) error) error {
	return poll.Env{}.Ask(ctx, call)
}
