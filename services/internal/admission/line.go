package admission

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Line is room for work whose need is known before it begins. Who finds none
// waits, in order, so that a large work is not passed by small ones for ever.
type Line struct {
	room     *semaphore.Weighted
	capacity int64 // bytes
	patience time.Duration
	taken    atomic.Int64
}

// NewLine makes a line for so many bytes, in which nobody waits longer than the
// patience.
func NewLine(capacity int64, patience time.Duration) *Line {
	return &Line{room: semaphore.NewWeighted(capacity), capacity: capacity, patience: patience}
}

// Capacity is the bytes there are.
func (l *Line) Capacity() int64 { return l.capacity }

// Taken is the bytes that are taken now.
func (l *Line) Taken() int64 { return l.taken.Load() }

// Turn is what one work has taken, by one goroutine.
type Turn struct {
	line  *Line
	bytes int64
}

// Wait waits for so many bytes. Work that needs more than there are has its turn
// when it is alone. The error wraps ErrFull when the turn does not come in time.
func (l *Line) Wait(ctx context.Context, bytes int64) (*Turn, error) {
	waiting, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	bytes = min(bytes, l.capacity)
	if err := l.room.Acquire(waiting, bytes); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
		}
		return nil, fmt.Errorf("%w: no turn within %s", ErrFull, l.patience)
	}
	l.taken.Add(bytes)
	return &Turn{line: l, bytes: bytes}, nil
}

// Keep gives back what is beyond so many bytes.
func (t *Turn) Keep(bytes int64) {
	if back := t.bytes - bytes; back > 0 {
		t.line.room.Release(back)
		t.line.taken.Add(-back)
		t.bytes = bytes
	}
}

// End gives everything back.
func (t *Turn) End() { t.Keep(0) }
