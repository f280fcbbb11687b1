// Package processor turns a sensor file that was put into the source bucket
// into a processed object, a quarantine object, alerts and a catalog row.
// Start with Processor.Handle.
//
// Everything it writes follows from the file's content alone, under keys that
// follow from the file's key, and the row is written last: an event that comes
// twice, late, or after a crash halfway leads to the same end.
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
)

// ErrNotFound is returned, wrapped, by a Source for an object that is not there.
var ErrNotFound = errors.New("no such object")

// Object is an opened source object; whoever opened it closes Body.
type Object struct {
	Body io.ReadCloser
	ETag string
	Size int64
}

// Source opens objects.
type Source interface {
	Open(ctx context.Context, bucket, key string) (Object, error)
}

// Sink writes objects to the processed bucket.
type Sink interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
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

// Alert is one anomaly. Its ID is the same whenever the same anomaly is found
// in the same object: whoever receives it may drop a second one.
type Alert struct {
	ID        string    `json:"id"`
	SensorID  string    `json:"sensor_id"`
	Metric    string    `json:"metric"`
	Timestamp time.Time `json:"timestamp"`
	Value     float64   `json:"value"`
	Score     float64   `json:"score"`
	ObjectKey string    `json:"object_key"`
}

// Processor handles events; it keeps nothing between them.
type Processor struct {
	Source  Source
	Sink    Sink
	Catalog Catalog
	Claims  Claims
	Alerts  Alerter
	// Owner names the invocation that a context belongs to, the same for each
	// attempt of it.
	Owner func(ctx context.Context) string
	Now   func() time.Time
	Log   *slog.Logger
}

// Handle processes every record. A file that is bad in itself is recorded as
// failed and is no error; an error means that the event should come again, and
// the other records are processed all the same. It stops a little before the
// deadline of ctx; what was finished until then is not done again next time.
func (p *Processor) Handle(ctx context.Context, event Event) error {
	var errs []error
	for _, record := range event.Records {
		if err := p.record(ctx, record); err != nil {
			p.Log.ErrorContext(ctx, "object not processed", "key", record.S3.Object.Key, "error", err)
			errs = append(errs, fmt.Errorf("process %s: %w", record.S3.Object.Key, err))
		}
	}
	return errors.Join(errs...)
}

func (p *Processor) record(ctx context.Context, record Record) error {
	if !record.created() {
		p.Log.InfoContext(ctx, "event ignored", "event", record.EventName, "key", record.S3.Object.Key)
		return nil
	}
	key, err := objectkey.FromEvent(record.S3.Object.Key)
	if err != nil {
		p.Log.WarnContext(ctx, "object ignored", "error", err)
		return nil
	}
	source, err := objectkey.Parse(key)
	if err != nil {
		p.Log.WarnContext(ctx, "object ignored", "error", err)
		return nil
	}
	job := job{Processor: p, bucket: record.S3.Bucket.Name, source: source, sequencer: record.sequencer()}
	err = job.run(ctx)
	if errors.Is(err, catalog.ErrSuperseded) {
		// A later event was processed while this one was, and this one may have
		// written over its objects: what is there now is written once more.
		job.again = true
		err = job.run(ctx)
	}
	if errors.Is(err, ErrNotFound) {
		p.Log.WarnContext(ctx, "object gone before it was processed", "key", key)
		return nil
	}
	return err
}
