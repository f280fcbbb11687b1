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
	// InsertEach keeps the answer to each request with its readings.
	InsertEach(ctx context.Context, requests []warehouse.Request) ([]warehouse.Kept, error)
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
	once     *warehouse.Request // nil for readings without a key
	done     chan outcome

	waiting    tracing.Span    // ended by the writer, or by who gives up
	traced     context.Context // like ctx, inside of committing
	committing tracing.Span
}

type outcome struct {
	stored warehouse.Stored
	kept   warehouse.Kept // with a key
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
	o := q.wait(&job{ctx: ctx, readings: readings})
	return o.stored, o.err
}

// InsertOnce stores the readings of a request and the answer to it, or returns
// the answer kept before. When ctx ends first, it is as with Insert.
func (q *Queue) InsertOnce(ctx context.Context, once warehouse.Once, readings []reading.Reading,
	answer func(warehouse.Stored) ([]byte, error),
) (kept []byte, replayed bool, err error) {
	o := q.wait(&job{ctx: ctx, readings: readings, once: &warehouse.Request{Once: once, Readings: readings, Answer: answer}})
	if o.err != nil {
		return nil, false, o.err
	}
	return o.kept.Answer, o.kept.Replayed, o.kept.Err
}

// wait hands a job to a writer and returns its outcome.
func (q *Queue) wait(j *job) outcome {
	ctx := j.ctx
	j.done = make(chan outcome, 1)
	_, j.waiting = q.options.Tracer.StartInside(ctx, tracing.Internal, "wait for a writer")
	defer j.waiting.End()
	select {
	case q.jobs <- j:
	case <-q.closed:
		return outcome{err: ErrClosed}
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("wait for a writer: %w", ctx.Err())}
	}
	select {
	case o := <-j.done:
		return o
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("wait for the commit: %w", ctx.Err())}
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

// storeGroup stores the batches of a group together, those with keys apart from
// those without, and each alone when that fails: one that the store refuses must
// not take the others with it.
func (q *Queue) storeGroup(group []*job) {
	var plain, keyed []*job
	for _, j := range group {
		j.waiting.End()
		switch {
		case j.ctx.Err() != nil: // nobody waits for it any more
		case j.once != nil:
			keyed = append(keyed, j)
		default:
			plain = append(plain, j)
		}
	}
	q.storeTogether(plain, q.insert)
	q.storeTogether(keyed, q.insertEach)
}

func (q *Queue) storeTogether(group []*job, insert func(group []*job) ([]outcome, error)) {
	if len(group) == 0 {
		return
	}
	outcomes, err := insert(group)
	if err != nil && len(group) > 1 && !hopeless(err) {
		for i := range group {
			q.storeTogether(group[i:i+1], insert)
		}
		return
	}
	for i, j := range group {
		if err != nil {
			j.done <- outcome{err: err}
			continue
		}
		j.done <- outcomes[i]
	}
}

// hopeless knows the errors that each batch alone would meet as well.
func hopeless(err error) bool {
	return errors.Is(err, warehouse.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// insert stores the readings of a group.
func (q *Queue) insert(group []*job) (outcomes []outcome, err error) {
	var all []reading.Reading
	for _, j := range group {
		all = append(all, j.readings...)
	}
	err = q.commit(group, func(ctx context.Context) error {
		rest, err := q.store.Insert(ctx, all)
		if err != nil {
			return err
		}
		outcomes = make([]outcome, len(group))
		for i, j := range group {
			outcomes[i].stored, rest = rest.Split(len(j.readings))
		}
		return nil
	})
	return outcomes, err
}

// insertEach stores the requests of a group.
func (q *Queue) insertEach(group []*job) (outcomes []outcome, err error) {
	requests := make([]warehouse.Request, len(group))
	for i, j := range group {
		requests[i] = *j.once
	}
	err = q.commit(group, func(ctx context.Context) error {
		kept, err := q.store.InsertEach(ctx, requests)
		if err != nil {
			return err
		}
		outcomes = make([]outcome, len(group))
		for i := range kept {
			outcomes[i].kept = kept[i]
		}
		return nil
	})
	return outcomes, err
}

// commit runs a transaction of a group. It is not bound to one caller's
// context: others wait for it too. In the traces it is part of each caller's,
// with what the database does in that of the first.
func (q *Queue) commit(group []*job, store func(ctx context.Context) error) error {
	readings := 0
	for _, j := range group {
		readings += len(j.readings)
		j.traced, j.committing = q.options.Tracer.StartInside(j.ctx, tracing.Internal, "commit batch")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].traced), q.options.Timeout)
	defer cancel()
	err := store(ctx)
	for _, j := range group {
		j.committing.Count("batches", len(group))
		j.committing.Count("readings", readings)
		j.committing.Fail(err)
		j.committing.End()
	}
	return err
}
