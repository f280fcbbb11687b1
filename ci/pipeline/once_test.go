package pipeline

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	var done atomic.Int64
	failed := errors.New("failed")
	work := Once[int64]{Work: func(context.Context) (int64, error) { return done.Add(1), failed }}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if n, err := work.Get(t.Context()); n != 1 || !errors.Is(err, failed) {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
	all.Wait()
}
