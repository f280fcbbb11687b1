package processor

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

// maxObject bounds a source object as it is stored, in bytes.
const maxObject = 64 << 20

// job is one object's way through the processor.
type job struct {
	*Processor
	bucket    string
	source    objectkey.Source
	sequencer string
	again     bool // write even what the row says is written
}

func (j *job) run(ctx context.Context) error {
	object, err := j.Source.Open(ctx, j.bucket, j.source.Key)
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }()

	before, known, err := j.Catalog.Get(ctx, j.source.Key)
	if err != nil {
		return err
	}
	same := known && before.ETag == object.ETag
	if same && !j.again {
		j.Log.InfoContext(ctx, "object already processed", "key", j.source.Key, "etag", object.ETag)
		return nil
	}
	result, err := j.read(object)
	if err != nil {
		return err
	}
	if err := j.write(ctx, result, before); err != nil {
		return err
	}
	if !same && len(result.alerts) > 0 {
		if len(result.alerts) < result.row.Anomalies {
			j.Log.WarnContext(ctx, "not every anomaly is published", "key", j.source.Key,
				"anomalies", result.row.Anomalies, "published", len(result.alerts))
		}
		if err := j.Alerts.Publish(ctx, result.alerts); err != nil {
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

// read parses the object. Its error is one of reading, worth another try; what
// is wrong with the file itself is in the result.
func (j *job) read(object Object) (*result, error) {
	if object.Size > maxObject {
		return failed(j.source, fmt.Errorf("the object has %d bytes, at most %d are processed", object.Size, maxObject)), nil
	}
	body := &watched{in: object.Body}
	collected := newCollector(j.source)
	options := parse.Options{
		Format:   j.source.Format,
		Defaults: reading.Defaults{SensorID: j.source.SensorID, Metric: j.source.Metric},
		Limits:   parse.DefaultLimits(),
	}
	for row, err := range parse.Rows(body, options) {
		if body.err != nil {
			return nil, fmt.Errorf("read s3://%s/%s: %w", j.bucket, j.source.Key, body.err)
		}
		if err != nil {
			return failed(j.source, err), nil
		}
		if err := collected.add(row); err != nil {
			return nil, err
		}
	}
	return collected.result()
}

// write stores the processed and the quarantine object. One of an earlier
// content that this content has not is emptied: the processor may write
// objects but not delete them.
func (j *job) write(ctx context.Context, r *result, before catalog.Object) error {
	if r.row.ProcessedKey != "" || before.ProcessedKey != "" {
		if err := j.Sink.Put(ctx, objectkey.Processed(j.source.Key), "application/gzip", r.processed); err != nil {
			return err
		}
	}
	if r.row.QuarantineKey != "" || before.QuarantineKey != "" {
		return j.Sink.Put(ctx, objectkey.Quarantine(j.source.Key), "application/x-ndjson", r.quarantine)
	}
	return nil
}

// watched remembers the error of the stream below the parser, to tell a lost
// connection from a damaged file.
type watched struct {
	in  io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
