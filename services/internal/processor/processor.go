// Package processor turns a sensor file that was put into the source bucket
// into a processed object, a quarantine object, alerts and a catalog row.
// Start with Processor.Handle.
//
// Its objects follow from the file's content alone, under keys that follow from
// the file's key; what it knows of a series (State) moves on by each file once;
// and the row is written last: an event that comes twice, late, or after a crash
// halfway leads to the same end.
//
// A file is read and its processed form written as streams, so that memory does
// not grow with the file.
package processor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/s3event"
	"sensor-backend/services/internal/tracing"
)

// ErrNotFound is returned, wrapped, by a Source for an object that is not there.
var ErrNotFound = errors.New("no such object")

// Object is an opened source object; whoever opened it closes Body.
type Object struct {
	Body io.ReadCloser
	ETag string
	Size int64
	// Modified is when the content was put there.
	Modified time.Time
	// Source is, of an object that was made from another, the ETag of that one.
	Source string
}

// Source opens objects.
type Source interface {
	Open(ctx context.Context, bucket, key string) (Object, error)
}

// Sink writes objects to the processed bucket. With each it keeps the ETag of the
// source object that it is made from.
type Sink interface {
	Create(ctx context.Context, key, contentType, sourceETag string) Upload
}

// Upload is an object that is being written. Nothing of it is seen, and what
// was there before stays, until Close returns without an error.
type Upload interface {
	io.Writer
	Close() error
	// Abort gives the object up; behind a Close it does nothing.
	Abort()
}

// Form writes readings in another form. It does not close what it writes to.
type Form interface {
	Add(r reading.Reading) error
	Close() error
}

// Catalog keeps a row for each source object. Put returns an error that wraps
// catalog.ErrSuperseded when a later event's row is there.
type Catalog interface {
	Get(ctx context.Context, key string) (catalog.Object, bool, error)
	Put(ctx context.Context, o catalog.Object) error
}

// Alerter tells people.
type Alerter interface {
	Publish(ctx context.Context, alerts []Alert) error
}

// Processor handles events; it keeps nothing between them.
type Processor struct {
	Source  Source
	Sink    Sink
	Catalog Catalog
	Claims  Claims
	States  States
	Alerts  Alerter
	// Parquet begins the processed form as a Parquet file, which is then written
	// beside that in NDJSON; without it there is none.
	Parquet func(io.Writer) Form
	// Page is the address of the API's page, which alerts link to; without it
	// the link begins at the page's root.
	Page string
	// Pause waits before the next attempt, the first being 0, at what another
	// invocation is busy with; Backoff does. Its error ends the attempts.
	Pause func(ctx context.Context, attempt int) error
	// Owner names the invocation that a context belongs to, the same for each
	// attempt of it.
	Owner  func(ctx context.Context) string
	Tracer *tracing.Tracer // nil is off
	Now    func() time.Time
	Log    *slog.Logger
}

// Handle processes every record. A file that is bad in itself is recorded as
// failed and is not an error; an error means that the event should come again, and
// the other records are processed all the same. It stops a little before the
// deadline of ctx; what was finished until then is not done again next time.
func (p *Processor) Handle(ctx context.Context, event Event) error {
	var errs []error
	for _, record := range event.Records {
		traced, span := p.Tracer.Start(ctx, tracing.Consumer, "process file")
		span.Text("aws.s3.bucket", record.Bucket)
		span.Text("aws.s3.key", record.Key)
		err := p.record(traced, record)
		span.Fail(err)
		span.End()
		if err != nil {
			p.Log.ErrorContext(ctx, "object not processed", "key", record.Key, "error", err)
			errs = append(errs, fmt.Errorf("process %s: %w", record.Key, err))
		}
	}
	return errors.Join(errs...)
}

func (p *Processor) record(ctx context.Context, record s3event.Change) error {
	key := record.Key
	if !record.Created || objectkey.Derived(key) {
		p.Log.InfoContext(ctx, "event ignored", "event", record.Name, "key", key)
		return nil
	}
	if record.Malformed != nil {
		return p.refuse(ctx, record, record.Malformed)
	}
	source, err := objectkey.Parse(key)
	if err != nil {
		return p.refuse(ctx, record, err)
	}
	job := job{Processor: p, bucket: record.Bucket, source: source, sequencer: sequencer(record)}
	err = job.attempts(ctx)
	if errors.Is(err, catalog.ErrSuperseded) {
		// A later event was processed while this one was, and this one may have
		// written over its objects: what is there now is written once more.
		job.again = true
		err = job.attempts(ctx)
	}
	if errors.Is(err, ErrNotFound) {
		p.Log.WarnContext(ctx, "object gone before it was processed", "key", key)
		return nil
	}
	return err
}

// refuse leaves a row for a file that is refused by its name: it is never
// opened, and whoever put it there finds out why.
func (p *Processor) refuse(ctx context.Context, record s3event.Change, reason error) error {
	before, known, err := p.Catalog.Get(ctx, record.Key)
	if err != nil {
		return err
	}
	if known && before.Status == catalog.Failed && before.ETag == record.ETag && before.Reason == reason.Error() {
		return nil
	}
	p.Log.WarnContext(ctx, "object refused by its name", "key", record.Key, "error", reason)
	err = p.Catalog.Put(ctx, catalog.Object{
		Key: record.Key, ETag: record.ETag, Sequencer: sequencer(record),
		Status: catalog.Failed, Reason: reason.Error(), ProcessedAt: p.Now().UTC(),
	})
	if errors.Is(err, catalog.ErrSuperseded) {
		return nil // a later event has left the same
	}
	return err
}
