// Package ingest stores batches that arrive at the same time together. Start
// with Queue.
//
// While a writer waits for the database, the batches that come are gathered,
// and the next writer stores them in one transaction: the busier the service,
// the less each batch costs. Nobody is answered before the commit.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/tracing"
	"sensor-backend/services/internal/warehouse"
)

// Store keeps readings, all or none of one call.
type Store interface {
	Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error)
}

// Options say how much is done at a time.
type Options struct {
	Writers int           // transactions at a time
	Group   int           // readings of a transaction, unless one batch alone has more
	Timeout time.Duration // of a transaction
	Tracer  *tracing.Tracer
}

// Default returns the options the API runs with: two writers keep a database
// busy, and more only make them wait for each other's locks.
func Default() Options {
	return Options{Writers: 2, Group: 5000, Timeout: 20 * time.Second}
}

// Queue stands before a Store. How many callers may wait is for the caller to
// bound: each holds its own batch.
type Queue struct {
	store   Store
	options Options
	jobs    chan *job
	closed  chan struct{}
	writers sync.WaitGroup
}

// ErrClosed is returned for batches that come when the service has stopped.
var ErrClosed = errors.New("the ingest queue is closed")

// job is one batch and where its outcome is awaited.
type job struct {
	ctx      context.Context // of a request that waits
	readings []reading.Reading
	done     chan outcome

	waiting    tracing.Span    // ended by the writer, or by who gives up
	traced     context.Context // like ctx, inside of committing
	committing tracing.Span
}

type outcome struct {
	stored warehouse.Stored
	err    error
}

// New starts the writers; Close ends them.
func New(store Store, options Options) *Queue {
	q := &Queue{store: store, options: options, jobs: make(chan *job), closed: make(chan struct{})}
	for range options.Writers {
		q.writers.Go(q.write)
	}
	return q
}

// Close finishes the transactions that run and ends the writers. What still
// waits is not stored.
func (q *Queue) Close() {
	close(q.closed)
	q.writers.Wait()
}

// Insert stores the readings and returns after the commit. When ctx ends
// first, its error is returned; whether the readings are then stored is open,
// and storing them again is harmless.
func (q *Queue) Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	j := &job{ctx: ctx, readings: readings, done: make(chan outcome, 1)}
	_, j.waiting = q.options.Tracer.StartInside(ctx, tracing.Internal, "wait for a writer")
	defer j.waiting.End()
	select {
	case q.jobs <- j:
	case <-q.closed:
		return warehouse.Stored{}, ErrClosed
	case <-ctx.Done():
		return warehouse.Stored{}, fmt.Errorf("wait for a writer: %w", ctx.Err())
	}
	select {
	case o := <-j.done:
		return o.stored, o.err
	case <-ctx.Done():
		return warehouse.Stored{}, fmt.Errorf("wait for the commit: %w", ctx.Err())
	}
}

func (q *Queue) write() {
	for {
		select {
		case first := <-q.jobs:
			q.storeGroup(q.gather(first))
		case <-q.closed:
			return
		}
	}
}

// gather takes the batches that wait already, up to a group.
func (q *Queue) gather(first *job) []*job {
	group := []*job{first}
	for size := len(first.readings); size < q.options.Group; {
		select {
		case j := <-q.jobs:
			group = append(group, j)
			size += len(j.readings)
		default:
			return group
		}
	}
	return group
}

// storeGroup stores the batches of a group together, and each alone when that
// fails: one that the store refuses must not take the others with it.
func (q *Queue) storeGroup(group []*job) {
	var waiting []*job
	var all []reading.Reading
	for _, j := range group {
		j.waiting.End()
		if j.ctx.Err() == nil { // nobody waits for the others any more
			waiting = append(waiting, j)
			all = append(all, j.readings...)
		}
	}
	if len(waiting) == 0 {
		return
	}
	stored, err := q.insert(waiting, all)
	if err != nil && len(waiting) > 1 && !hopeless(err) {
		for _, j := range waiting {
			stored, err := q.insert([]*job{j}, j.readings)
			j.done <- outcome{stored, err}
		}
		return
	}
	for _, j := range waiting {
		share := warehouse.Stored{New: stored.New}
		if err == nil {
			share, stored = split(stored, len(j.readings))
		}
		j.done <- outcome{share, err}
	}
}

// hopeless knows the errors that each batch alone would meet as well.
func hopeless(err error) bool {
	return errors.Is(err, warehouse.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// insert stores the readings of a group. It is not bound to one caller's
// context: others wait for it too. In the traces it is part of each caller's,
// with what the database does in that of the first.
func (q *Queue) insert(group []*job, readings []reading.Reading) (warehouse.Stored, error) {
	for _, j := range group {
		j.traced, j.committing = q.options.Tracer.StartInside(j.ctx, tracing.Internal, "commit batch")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].traced), q.options.Timeout)
	defer cancel()
	stored, err := q.store.Insert(ctx, readings)
	for _, j := range group {
		j.committing.Count("batches", len(group))
		j.committing.Count("readings", len(readings))
		j.committing.Fail(err)
		j.committing.End()
	}
	return stored, err
}

// split takes the outcome of the first n readings away from that of a group.
func split(all warehouse.Stored, n int) (first, rest warehouse.Stored) {
	count := 0
	for count < len(all.Duplicates) && all.Duplicates[count] < n {
		count++
	}
	first = warehouse.Stored{New: n - count, Duplicates: all.Duplicates[:count:count]}
	rest = warehouse.Stored{New: all.New - first.New}
	for _, place := range all.Duplicates[count:] {
		rest.Duplicates = append(rest.Duplicates, place-n)
	}
	return first, rest
}
