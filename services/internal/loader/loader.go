// Package loader takes what the processor made of files into the warehouse, so that
// it is queried like what was posted. Start with Loader.Run.
//
// A queue tells of each processed object. Its readings go in by some thousands, each
// time as one insert that leaves alone what is stored already; then the object's row
// is marked, and last the message is deleted. So a message that comes twice, or again
// after a crash at any point, leads to the same end. What fails goes back to the
// queue, whose redrive policy sees to it in the end.
package loader

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/tracing"
	"sensor-backend/services/internal/warehouse"
)

// Message is one message of the queue, as it was received.
type Message struct {
	ID       string
	Handle   string // names this receipt of it
	Body     string
	Sent     time.Time
	Received int // times, this one included
}

// Queue hands out messages and hides those that it has handed out for a while.
type Queue interface {
	// Receive waits some seconds for messages; they come in the order in which they
	// were sent.
	Receive(ctx context.Context, hidden time.Duration) ([]Message, error)
	// Hide hides a message for so long from now; with 0 others see it at once.
	Hide(ctx context.Context, m Message, hidden time.Duration) error
	Delete(ctx context.Context, m Message) error
}

// Source opens objects; its error wraps processor.ErrNotFound for one that is not
// there.
type Source interface {
	Open(ctx context.Context, bucket, key string) (processor.Object, error)
}

// Warehouse stores readings. An error that wraps warehouse.ErrUnavailable is gone
// later.
type Warehouse interface {
	Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error)
	Ready(ctx context.Context) error
}

// Rows marks the rows of source objects. An error that wraps catalog.ErrNotCurrent
// says that the row is not the one of that content (yet).
type Rows interface {
	MarkLoaded(ctx context.Context, key, sourceETag string, at time.Time) error
	MarkUnloadable(ctx context.Context, key, sourceETag, why string) error
}

// Counters count what is loaded.
type Counters interface {
	// LoadedFile counts a file by what became of it, and how long ago it was
	// announced.
	LoadedFile(result string, age time.Duration)
	// LoadedReadings counts the readings of a part of a file.
	LoadedReadings(stored, known, expired int)
}

// What became of a file.
const (
	Loaded  = "loaded"
	Failed  = "failed"  // it comes again, or to the dead-letter queue
	Gone    = "gone"    // it was deleted before it could be loaded
	Ignored = "ignored" // nothing that is loaded
)

// Loader loads files, one after the other.
type Loader struct {
	Queue     Queue
	Source    Source
	Bucket    string // of the processed objects
	Warehouse Warehouse
	Rows      Rows // nil marks none
	// Room is where the memory of readings in hand is taken from, which others
	// share.
	Room *admission.Line
	// Retention is how long readings are kept; older ones are left out. 0 is for
	// ever.
	Retention time.Duration
	Counters  Counters
	Tracer    *tracing.Tracer // nil is off
	Now       func() time.Time
	// Pause waits before the next attempt, the first being 0, at what is not there
	// yet; its error ends the attempts. processor.Backoff does.
	Pause func(ctx context.Context, attempt int) error
	// Hidden is how long a message stays hidden from others unless that is renewed,
	// which happens three times as often. After a crash it is what others wait.
	Hidden time.Duration
	Log    *slog.Logger
}

// DefaultHidden is a Loader's Hidden in service.
const DefaultHidden = time.Minute

// Run loads files until ctx ends. It takes no message while the warehouse does not
// serve: a failure of the database is not one of the files.
func (l *Loader) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		err := l.round(ctx)
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() == nil {
			l.Log.WarnContext(ctx, "nothing is loaded, trying again", "error", err)
		}
		if l.Pause(ctx, failures) != nil {
			return
		}
		failures++
	}
}

func (l *Loader) round(ctx context.Context) error {
	if err := l.Warehouse.Ready(ctx); err != nil {
		return err
	}
	messages, err := l.Queue.Receive(ctx, l.Hidden)
	if err != nil || len(messages) == 0 {
		return err
	}
	mine := l.keep(ctx, messages)
	defer mine.release(ctx)
	for _, m := range messages {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.message(ctx, m, mine)
	}
	return nil
}

// message does what one message asks for.
func (l *Loader) message(ctx context.Context, m Message, mine *kept) {
	traced, span := l.Tracer.Start(ctx, tracing.Consumer, "load file")
	defer span.End()
	err := l.changes(traced, m)
	span.Fail(err)
	if ctx.Err() != nil && err != nil {
		return // it is released with the others
	}
	// What has been decided is done, also when the process is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	mine.forget(m)
	if err == nil {
		if err := l.Queue.Delete(ctx, m); err != nil {
			l.Log.WarnContext(ctx, "message not deleted, it comes again and changes nothing", "message", m.ID, "error", err)
		}
		return
	}
	again := wait(m.Received, err)
	l.Log.ErrorContext(ctx, "message not loaded", "message", m.ID, "received", m.Received, "again_in", again.String(), "error", err)
	if err := l.Queue.Hide(ctx, m, again); err != nil {
		l.Log.WarnContext(ctx, "message not given back, it comes again later", "message", m.ID, "error", err)
	}
}

// answerTime is how long the queue and the table may take for one call that has to
// be made while the process stops.
const answerTime = 5 * time.Second

// wait is how long a message that failed stays hidden: longer each time, so that
// what is only late is there before the queue gives up; what will not change is
// tried again soon.
func wait(received int, err error) time.Duration {
	const first, longest, hopeless = 15 * time.Second, 15 * time.Minute, time.Second
	if errors.Is(err, errPoison) {
		return hopeless
	}
	return min(first<<min(max(received-1, 0), 10), longest)
}

// kept is the messages in hand, which are kept hidden from others.
type kept struct {
	loader *Loader
	stop   func()

	mu       sync.Mutex
	messages map[string]Message // by handle
}

// keep renews the hiding of messages until they are forgotten or released.
func (l *Loader) keep(ctx context.Context, messages []Message) *kept {
	k := &kept{loader: l, messages: map[string]Message{}}
	for _, m := range messages {
		k.messages[m.Handle] = m
	}
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { k.renew(ctx) })
	k.stop = func() {
		cancel()
		renewing.Wait()
	}
	return k
}

func (k *kept) renew(ctx context.Context) {
	const often = 3
	ticks := time.NewTicker(k.loader.Hidden / often)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for _, m := range k.list() {
			if err := k.loader.Queue.Hide(ctx, m, k.loader.Hidden); err != nil && ctx.Err() == nil && k.has(m) {
				k.loader.Log.WarnContext(ctx, "message not kept, another loader may take it too", "message", m.ID, "error", err)
			}
		}
	}
}

func (k *kept) list() []Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Values(k.messages))
}

func (k *kept) has(m Message) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there := k.messages[m.Handle]
	return there
}

func (k *kept) forget(m Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.messages, m.Handle)
}

// release gives back what is left, so that others need not wait for it.
func (k *kept) release(ctx context.Context) {
	k.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	for _, m := range k.list() {
		if err := k.loader.Queue.Hide(ctx, m, 0); err != nil {
			k.loader.Log.WarnContext(ctx, "message not given back, it comes again later", "message", m.ID, "error", err)
		}
	}
}
