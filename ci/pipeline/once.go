package pipeline

import (
	"context"
	"sync"
)

// Once is a piece of work that several stages need and that is done once, for whoever
// asks first and under that one's context.
type Once[T any] struct {
	// Work does it.
	Work func(ctx context.Context) (T, error)

	once  sync.Once
	value T
	err   error
}

// Get does the work, or waits until it is done, and returns its result.
func (o *Once[T]) Get(ctx context.Context) (T, error) {
	o.once.Do(func() { o.value, o.err = o.Work(ctx) })
	return o.value, o.err
}
