package processor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/tracing"
)

// maxObject bounds a source object as it is stored, in bytes.
const maxObject = 1 << 30

// job is one object's way through the processor.
type job struct {
	*Processor
	bucket    string
	source    objectkey.Source
	sequencer string
	again     bool // write even what the row says is written

	others map[string]catalog.Object // rows of objects that left states
}

// maxAttempts bounds how often a job begins anew when others are busy with its
// series, before the event goes back.
const maxAttempts = 12

func (j *job) attempts(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		j.anew()
		err := j.run(ctx)
		if !errors.Is(err, ErrBusy) || attempt+1 == maxAttempts {
			return err
		}
		if pauseErr := j.Pause(ctx, attempt); pauseErr != nil {
			return fmt.Errorf("%w, and no time is left to wait for it: %w", err, pauseErr)
		}
	}
}

func (j *job) run(ctx context.Context) error {
	now := j.Now()
	work, cancel, until := inTime(ctx, now)
	defer cancel()
	object, err := j.Source.Open(work, j.bucket, j.source.Key)
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }()

	claim := Claim{Key: j.source.Key, Owner: j.Owner(ctx), Content: object.ETag, Until: until, Written: now}
	if claim, err = j.Claims.Take(work, claim); err != nil {
		return err
	}
	err = j.process(work, object, &claim)
	claim.Until, claim.Written = time.Time{}, j.Now()
	// Whatever became of the work, the next attempt need not wait. A claim
	// that cannot be given back expires.
	if keepErr := j.Claims.Keep(context.WithoutCancel(ctx), claim); keepErr != nil {
		j.Log.WarnContext(ctx, "claim not given back, it will expire", "key", j.source.Key, "until", until, "error", keepErr)
	}
	if errors.Is(err, context.DeadlineExceeded) && work.Err() != nil {
		return fmt.Errorf("the time of this invocation does not suffice, the next one tries again: %w", err)
	}
	return err
}

// process does the work on a claimed object.
func (j *job) process(ctx context.Context, object Object, claim *Claim) error {
	before, known, err := j.Catalog.Get(ctx, j.source.Key)
	if err != nil {
		return err
	}
	same := known && before.ETag == object.ETag
	if same && !j.again {
		j.Log.InfoContext(ctx, "object already processed", "key", j.source.Key, "etag", object.ETag)
		return nil
	}
	processed := j.create(ctx, object.ETag)
	defer processed.abort()
	result, err := j.read(ctx, object, processed)
	if err != nil {
		return err
	}
	// The states come first: of two objects of one series only one gets
	// further with what it found.
	if err := j.step(ctx, "save states", func(ctx context.Context) error { return j.save(ctx, result.series, object.ETag) }); err != nil {
		return err
	}
	if err := j.step(ctx, "write objects", func(ctx context.Context) error { return j.write(ctx, object.ETag, result, before, processed) }); err != nil {
		return err
	}
	if !same {
		if err := j.step(ctx, "alert", func(ctx context.Context) error { return j.alert(ctx, result, claim) }); err != nil {
			return err
		}
	}
	row := result.row
	row.ETag = object.ETag
	row.Sequencer = j.sequencer
	if j.again {
		row.Sequencer = max(j.sequencer, before.Sequencer)
	}
	row.ProcessedAt = j.Now().UTC()
	if err := j.Catalog.Put(ctx, row); err != nil {
		return err
	}
	j.Log.InfoContext(ctx, "object processed", "key", row.Key, "status", row.Status, "reason", row.Reason,
		"rows", row.Rows, "bad_rows", row.BadRows, "anomalies", row.Anomalies)
	return nil
}

// step is a part of the work with a span of its own.
func (j *job) step(ctx context.Context, name string, do func(ctx context.Context) error) error {
	ctx, span := j.Tracer.Start(ctx, tracing.Internal, name)
	defer span.End()
	err := do(ctx)
	span.Fail(err)
	return err
}

// alert publishes the anomalies of a content once, and notes that before the
// row is written: an attempt that dies in between does not tell everybody
// again.
func (j *job) alert(ctx context.Context, r *result, claim *Claim) error {
	if len(r.alerts) == 0 || claim.Alerted {
		return nil
	}
	if len(r.alerts) < r.row.Anomalies {
		j.Log.WarnContext(ctx, "not every anomaly is published", "key", j.source.Key,
			"anomalies", r.row.Anomalies, "published", len(r.alerts))
	}
	if err := j.Alerts.Publish(ctx, r.alerts); err != nil {
		return err
	}
	claim.Alerted, claim.Written = true, j.Now()
	return j.Claims.Keep(ctx, *claim)
}

// read parses the object into the processed one. Its error is one of reading,
// worth another try; what is wrong with the file itself is in the result.
func (j *job) read(ctx context.Context, object Object, processed forms) (read *result, err error) {
	// Rows are parsed, looked at and packed one by one: one span has all three.
	ctx, span := j.Tracer.Start(ctx, tracing.Internal, "parse and detect")
	defer func() {
		if read != nil {
			span.Count("rows", read.row.Rows)
			span.Count("bad_rows", read.row.BadRows)
			span.Count("anomalies", read.row.Anomalies)
		}
		span.Fail(err)
		span.End()
	}()
	if object.Size > maxObject {
		return failed(j.source, fmt.Errorf("the object has %d bytes, at most %d are processed: split it", object.Size, maxObject)), nil
	}
	body := &errReader{in: object.Body}
	collected := newCollector(j, object, processed)
	options := parse.Options{
		Format:   j.source.Format,
		Defaults: reading.Defaults{SensorID: j.source.SensorID, Metric: j.source.Metric},
		Limits:   parse.DefaultLimits(),
		Ignored:  collected.ignore,
	}
	const between = 1 << 12 // rows between two looks at the clock
	rows := 0
	for row, err := range parse.Rows(body, options) {
		if rows++; rows%between == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("read s3://%s/%s up to row %d: %w", j.bucket, j.source.Key, rows, ctx.Err())
		}
		if body.err != nil {
			return nil, fmt.Errorf("read s3://%s/%s: %w", j.bucket, j.source.Key, body.err)
		}
		if err != nil {
			return failed(j.source, err), nil
		}
		if err := collected.add(ctx, &row); err != nil {
			return nil, err
		}
	}
	return collected.result()
}

// write finishes the processed and the quarantine object. One of an earlier
// content that this content has not is written without readings: the processor
// may write objects but not delete them.
func (j *job) write(ctx context.Context, sourceETag string, r *result, before catalog.Object, processed forms) error {
	if r.row.ProcessedKey == "" && before.ProcessedKey != "" {
		// Of a file that broke off, what came before that is not a result.
		processed.abort()
		processed = j.create(ctx, sourceETag)
		defer processed.abort()
		if _, err := newCollector(j, Object{}, processed).result(); err != nil {
			return err
		}
	}
	if r.row.ProcessedKey != "" || before.ProcessedKey != "" {
		if err := processed.close(); err != nil {
			return err
		}
	}
	if r.row.QuarantineKey != "" || before.QuarantineKey != "" {
		return j.put(ctx, objectkey.Quarantine(j.source.Key), "application/x-ndjson", sourceETag, r.quarantine)
	}
	return nil
}

func (j *job) put(ctx context.Context, key, contentType, sourceETag string, content []byte) error {
	upload := j.Sink.Create(ctx, key, contentType, sourceETag)
	defer upload.Abort()
	if _, err := upload.Write(content); err != nil {
		return err
	}
	return upload.Close()
}

// errReader remembers the error of the stream below the parser, to tell a lost
// connection from a damaged file.
type errReader struct {
	in  io.Reader
	err error
}

func (w *errReader) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// forms are the uploads of the processed object in its forms.
type forms struct {
	lines Upload
	table Upload // nil if none is wanted
}

func (j *job) create(ctx context.Context, sourceETag string) forms {
	f := forms{lines: j.Sink.Create(ctx, objectkey.Processed(j.source.Key), "application/gzip", sourceETag)}
	if j.Parquet != nil {
		f.table = j.Sink.Create(ctx, objectkey.Parquet(j.source.Key), "application/vnd.apache.parquet", sourceETag)
	}
	return f
}

// close makes both forms seen. The lines come last: they are what the row names.
func (f forms) close() error {
	if f.table != nil {
		if err := f.table.Close(); err != nil {
			return err
		}
	}
	return f.lines.Close()
}

func (f forms) abort() {
	f.lines.Abort()
	if f.table != nil {
		f.table.Abort()
	}
}
