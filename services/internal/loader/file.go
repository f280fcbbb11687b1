package loader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/s3event"
	"sensor-backend/services/internal/warehouse"
)

// errPoison marks what fails in the same way however often it comes.
var errPoison = errors.New("this does not change by itself: see the reason, mend it and send the message again")

const (
	// part is how many readings are stored at a time.
	part = 8192
	// readingCost is what one of them takes in memory at the most, in bytes: as it
	// was read, in the order of the keys, and on its way to the database.
	readingCost = 512
)

// changes loads what a message tells of, in its order.
func (l *Loader) changes(ctx context.Context, m Message) error {
	changes, err := s3event.Changes([]byte(m.Body))
	if err != nil {
		l.Counters.LoadedFile(Failed, l.Now().Sub(m.Sent))
		return fmt.Errorf("%w: %w", errPoison, err)
	}
	var errs []error
	for _, c := range changes {
		result, err := l.change(ctx, c)
		l.Counters.LoadedFile(result, l.Now().Sub(m.Sent))
		if err != nil {
			errs = append(errs, fmt.Errorf("load s3://%s/%s: %w", c.Bucket, c.Key, err))
		}
	}
	return errors.Join(errs...)
}

func (l *Loader) change(ctx context.Context, c s3event.Change) (result string, err error) {
	key, loadable := objectkey.Loadable(c.Key)
	switch {
	case c.Malformed != nil:
		return Failed, fmt.Errorf("%w: %w", errPoison, c.Malformed)
	case c.Bucket != l.Bucket:
		return Failed, fmt.Errorf("%w: the processed objects are in the bucket %s", errPoison, l.Bucket)
	case !c.Created || !loadable:
		l.Log.InfoContext(ctx, "event ignored", "event", c.Name, "key", c.Key)
		return Ignored, nil
	}
	object, err := l.Source.Open(ctx, c.Bucket, c.Key)
	if errors.Is(err, processor.ErrNotFound) {
		l.Log.WarnContext(ctx, "object gone before it was loaded", "key", c.Key)
		return Gone, nil
	}
	if err != nil {
		return Failed, err
	}
	defer func() { _ = object.Body.Close() }()
	count, err := l.file(ctx, object.Body)
	if err == nil {
		err = l.mark(ctx, func(ctx context.Context) error { return l.Rows.MarkLoaded(ctx, key, object.Source, l.Now().UTC()) })
	}
	if err != nil {
		l.complain(ctx, key, object.Source, err)
		return Failed, err
	}
	l.Log.InfoContext(ctx, "object loaded", "key", c.Key, "new", count.stored, "known", count.known, "expired", count.expired)
	return Loaded, nil
}

// complain leaves the reason where whoever looks for the file sees it.
func (l *Loader) complain(ctx context.Context, key, sourceETag string, reason error) {
	if l.Rows == nil || ctx.Err() != nil || errors.Is(reason, catalog.ErrNotCurrent) {
		return
	}
	if err := l.Rows.MarkUnloadable(ctx, key, sourceETag, reason.Error()); err != nil {
		l.Log.WarnContext(ctx, "the reason is not in the object's row", "key", key, "error", err)
	}
}

// mark marks a row. The processor writes it a moment behind the object, so that it
// may not be there yet.
func (l *Loader) mark(ctx context.Context, mark func(ctx context.Context) error) error {
	if l.Rows == nil {
		return nil
	}
	const attempts = 8 // some seconds of processor.Backoff
	for attempt := 0; ; attempt++ {
		err := mark(ctx)
		if !errors.Is(err, catalog.ErrNotCurrent) || attempt+1 == attempts {
			return err
		}
		if l.Pause(ctx, attempt) != nil {
			return err
		}
	}
}

// counts are the readings of a file by what became of them.
type counts struct{ stored, known, expired int }

// file stores the readings of a processed object, some at a time.
func (l *Loader) file(ctx context.Context, body io.Reader) (counts, error) {
	// The processor has checked what it let in; what it made of that may be larger.
	limits := parse.DefaultLimits()
	limits.Bytes, limits.Ratio = math.MaxInt64, math.MaxInt32
	stream := &lastError{in: body}
	oldest := time.Time{}
	if l.Retention > 0 {
		oldest = l.Now().Add(-l.Retention)
	}
	var all counts
	var turn *admission.Turn
	defer func() {
		if turn != nil {
			turn.End()
		}
	}()
	readings := make([]reading.Reading, 0, part)
	for row, err := range parse.Rows(stream, parse.Options{Format: objectkey.JSON, Limits: limits}) {
		switch {
		case stream.err != nil:
			return all, fmt.Errorf("read up to reading %d: %w", all.stored+all.known+len(readings), stream.err)
		case err != nil:
			return all, fmt.Errorf("%w: %w", errPoison, err)
		case row.Err != nil:
			return all, fmt.Errorf("%w: line %d: %w", errPoison, row.Line, row.Err)
		case row.Reading.Timestamp.Before(oldest):
			all.expired++
			l.Counters.LoadedReadings(0, 0, 1)
			continue
		}
		if turn == nil {
			if turn, err = l.room(ctx); err != nil {
				return all, err
			}
		}
		if readings = append(readings, row.Reading); len(readings) < part {
			continue
		}
		if err := l.insert(ctx, readings, &all); err != nil {
			return all, err
		}
		turn.End()
		readings, turn = readings[:0], nil
	}
	if len(readings) == 0 {
		return all, nil
	}
	return all, l.insert(ctx, readings, &all)
}

// room waits for the room of one part, however long: files have time.
func (l *Loader) room(ctx context.Context) (*admission.Turn, error) {
	for {
		turn, err := l.Room.Wait(ctx, part*readingCost)
		if !errors.Is(err, admission.ErrFull) {
			return turn, err
		}
	}
}

// insert stores one part, however long the database is away.
func (l *Loader) insert(ctx context.Context, readings []reading.Reading, all *counts) error {
	for attempt := 0; ; attempt++ {
		stored, err := l.Warehouse.Insert(ctx, readings)
		if err == nil {
			known := len(stored.Duplicates)
			all.stored, all.known = all.stored+stored.New, all.known+known
			l.Counters.LoadedReadings(stored.New, known, 0)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, warehouse.ErrUnavailable) {
			return fmt.Errorf("store readings %d and on: %w", all.stored+all.known+1, err)
		}
		l.Log.WarnContext(ctx, "the warehouse is away, the file waits", "error", err)
		if err := l.Pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// lastError remembers the error of the stream below the parser, to tell a lost
// connection from a damaged object.
type lastError struct {
	in  io.Reader
	err error
}

func (r *lastError) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
