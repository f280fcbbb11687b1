package lock

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Inspect says who holds a lock; nil if nobody does.
func Inspect(ctx context.Context, api Table, table, name string) (*HeldError, error) {
	seen, err := read(ctx, api, table, name)
	if err != nil {
		return nil, fmt.Errorf("read the lock %s in table %s: %w", name, table, err)
	}
	var held *HeldError
	if seen.held() {
		errors.As(seen.heldError(name), &held)
	}
	return held, nil
}

// ForceRelease releases a lock that has that id, whoever holds it; its holder
// learns of it before the next change. A lock that nobody holds, or another hold
// than the named one, is an error that says so.
func ForceRelease(ctx context.Context, api Table, table, name, id string) error {
	held, err := Inspect(ctx, api, table, name)
	switch {
	case err != nil:
		return err
	case held == nil:
		return fmt.Errorf("nothing released: nobody holds the lock %s", name)
	case held.ID != id:
		return fmt.Errorf("nothing released: the id is not %s: %w", id, held)
	}
	err = release(ctx, api, table, name, id, releaseLimit)
	var refused *types.ConditionalCheckFailedException
	if err == nil {
		return nil
	}
	// An answer that was lost, or the holder's own release in between.
	if now, readErr := Inspect(ctx, api, table, name); readErr == nil && (now == nil || now.ID != id) && !errors.As(err, &refused) {
		return nil
	}
	return fmt.Errorf("release the lock %s in table %s: %w", name, table, err)
}
