package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/catalog"
)

// ErrBusy is returned, wrapped, when another object with readings of the same
// series is processed at this moment.
var ErrBusy = errors.New("another object of the same series is being processed")

// Series names what one detector watches.
type Series struct{ SensorID, Metric string }

// State is what is kept of a series between files: its detector before and
// after the object that was read last. That object's row in the catalog is
// written after the state and decides which of the two counts. So an object
// that is processed again, whatever became of the first attempt, begins where
// the first attempt began, and no object moves a detector twice.
type State struct {
	Series
	Before  []byte // an encoded detector; empty for a new one
	After   []byte
	Object  string    // the key of the object between them
	Content string    // its ETag
	Written time.Time // some time after it the state may be forgotten
	// Revision goes up with each write; 0 is a state that was never kept.
	Revision int64
}

// States keeps the states of all series.
type States interface {
	// Load returns the state of a series; with Revision 0 when none is kept.
	Load(ctx context.Context, s Series) (State, error)
	// Save writes a state with the next revision, unless the one that is kept
	// has another revision than s: then the error wraps ErrBusy.
	Save(ctx context.Context, s State) error
}

// series is one series of a file.
type series struct {
	state   State
	known   *anomaly.Detector // goes on from what is kept
	until   time.Time         // the last reading that is kept
	changed bool              // known has seen readings of this file
	// past looks at readings that are not younger than what is kept: by
	// themselves, as files come late and twice, and without a trace.
	past *anomaly.Detector
	// waiting are readings of the file that neither has seen yet.
	waiting waiting
}

// detector returns the one for a reading of the time at.
func (w *series) detector(at time.Time) *anomaly.Detector {
	if at.After(w.until) {
		w.changed = true
		return w.known
	}
	if w.past == nil {
		w.past = anomaly.New(anomaly.Default())
	}
	return w.past
}

// watch loads the detector of a series.
func (j *job) watch(ctx context.Context, s Series) (*series, error) {
	state, err := j.States.Load(ctx, s)
	if err != nil {
		return nil, err
	}
	from, err := j.from(ctx, state)
	if err != nil {
		return nil, err
	}
	w := &series{state: state}
	w.state.Before = from
	if len(from) > 0 {
		if w.known, err = anomaly.Resume(anomaly.Default(), from); err != nil {
			j.Log.WarnContext(ctx, "what is known of a series is not readable, it begins anew",
				"sensor", s.SensorID, "metric", s.Metric, "error", err)
			w.state.Before = nil
		}
	}
	if len(w.state.Before) == 0 {
		w.known = anomaly.New(anomaly.Default())
	}
	w.until = w.known.Last()
	return w, nil
}

// from returns the encoded detector that this job begins with.
func (j *job) from(ctx context.Context, s State) ([]byte, error) {
	if s.Object == "" || s.Object == j.source.Key {
		return s.Before, nil
	}
	row, known := j.others[s.Object]
	if !known {
		var err error
		if row, _, err = j.Catalog.Get(ctx, s.Object); err != nil {
			return nil, err
		}
		j.others[s.Object] = row
	}
	if row.ETag == s.Content {
		return s.After, nil
	}
	held, err := j.Claims.Held(ctx, s.Object, j.Now())
	if err != nil {
		return nil, err
	}
	if held {
		return nil, fmt.Errorf("begin with what %s leaves of %s of %s: %w", s.Object, s.Metric, s.SensorID, ErrBusy)
	}
	return s.Before, nil
}

// saves bounds how many states are written at a time.
const saves = 16

// save writes the states of all series of the file that have moved.
func (j *job) save(ctx context.Context, all map[Series]*series, content string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(saves)
	for _, w := range all {
		if !w.changed {
			continue
		}
		after, err := w.known.MarshalBinary()
		if err != nil {
			return errors.Join(fmt.Errorf("write what is known of %s of %s: %w", w.state.Metric, w.state.SensorID, err), group.Wait())
		}
		s := w.state
		s.After, s.Object, s.Content, s.Written = after, j.source.Key, content, j.Now()
		group.Go(func() error { return j.States.Save(ctx, s) })
	}
	return group.Wait()
}

// anew forgets what was read of other objects, for another attempt.
func (j *job) anew() { j.others = map[string]catalog.Object{} }
