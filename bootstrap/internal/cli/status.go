package cli

import (
	"context"
)

func (a App) status(ctx context.Context) error {
	return ctx.Err()
}
