package loader_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/loader"
	"sensor-backend/services/internal/warehouse"
)

const day1, day2 = "incoming/boiler 7+8/temp/day 1.csv", "incoming/boiler 7/day2.json"

// TestLoads wants the readings of files in parts, what is stored already left as it
// is, the rows marked and the messages gone.
func TestLoads(t *testing.T) {
	t.Parallel()
	w := newWorld()
	first := readings("a", 20_000, 1)
	w.put(day1, pack(t, first))
	w.put(day2, pack(t, append(readings("a", 10, 2), readings("b", 10, 2)...))) // ten of them known
	w.run(t, nil)
	wantDeleted(t, w, "1", "2")
	wantResults(t, w, "loaded, loaded")
	if !slices.Equal(w.stored[:20_000], first) || !slices.Equal(w.stored[20_000:], readings("b", 10, 2)) {
		t.Errorf("%d readings are stored, and not those of the files", len(w.stored))
	}
	if fmt.Sprint(w.sizes) != "[8192 8192 3616 20]" || w.counted != [3]int{20_010, 10, 0} {
		t.Errorf("inserts of %v readings, counted %v", w.sizes, w.counted)
	}
	if w.marks[day1] != "etag loaded 2026-03-02" || w.marks[day2] != "etag loaded 2026-03-02" {
		t.Errorf("marks %v", w.marks)
	}
}

// TestComesAgain has every message twice.
func TestComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for range 2 {
		w.put(day1, pack(t, readings("a", 10, 1)))
	}
	w.run(t, nil)
	wantDeleted(t, w, "1", "2")
	if len(w.stored) != 10 || w.counted != [3]int{10, 10, 0} {
		t.Errorf("%d stored, counted %v", len(w.stored), w.counted)
	}
}

func TestExpiredReadingsAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put(day1, pack(t, readings("a", 10, 1)))
	w.run(t, func(l *loader.Loader) { l.Retention = 24*time.Hour - 7*time.Second }) // 2 March less that
	wantResults(t, w, "loaded")
	if len(w.stored) != 3 || w.counted != [3]int{3, 0, 7} {
		t.Errorf("%d stored, counted %v", len(w.stored), w.counted)
	}
}

// TestWarehouseAway wants no message to be taken while the warehouse does not serve,
// and a part that meets it read-only to be stored later, all in one receipt.
func TestWarehouseAway(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.ready = func(n int) error {
		if n < 4 {
			if len(w.waiting) != 1 {
				t.Error("a message was taken")
			}
			return warehouse.ErrUnavailable
		}
		return nil
	}
	w.insert = func(n int) error {
		if n > 1 && n < 4 {
			return fmt.Errorf("store: %w", warehouse.ErrReadOnly)
		}
		return nil
	}
	want := readings("a", 10_000, 1)
	w.put(day1, pack(t, want))
	w.run(t, nil)
	wantDeleted(t, w, "1")
	if !slices.Equal(w.stored, want) || w.inserts != 4 {
		t.Errorf("%d stored by %d inserts", len(w.stored), w.inserts)
	}
	if len(w.hidden) != 0 {
		t.Errorf("messages hidden %v", w.hidden)
	}
}

// TestFailures wants what fails back in the queue, sooner or later, with the reason
// in the row, and the other files loaded all the same.
func TestFailures(t *testing.T) {
	t.Parallel()
	good := readings("a", 10, 1)
	event := `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`
	for name, test := range map[string]struct {
		content  []byte
		body     string
		change   func(*world)
		received int
		again    time.Duration
		why      string // in the log
		inRow    bool   // too
	}{
		"not an event":       {body: "{}", again: time.Second, why: "not an event of S3"},
		"of another bucket":  {body: fmt.Sprintf(event, "other", "processed/a/b.csv.ndjson.gz"), again: time.Second, why: "processed objects are in the bucket"},
		"a key that is none": {body: fmt.Sprintf(event, bucket, "%FF"), again: time.Second, why: "not UTF-8"},
		"not packed":         {content: []byte("\x00\x01\x02"), again: time.Second, why: "does not change by itself", inRow: true},
		"cut off":            {content: pack(t, readings("a", 100, 1))[:60], again: time.Second, why: "does not change by itself", inRow: true},
		"not a reading":      {content: zip(t, "{\"sensor_id\":\"a\"}\n"), again: time.Second, why: "line 1", inRow: true},
		"S3 away":            {content: pack(t, good), change: func(w *world) { w.open = errDown }, again: 15 * time.Second, why: "service down"},
		"the stream breaks":  {content: pack(t, readings("a", 1000, 1)), change: func(w *world) { w.broken = errDown }, again: 15 * time.Second, why: "service down", inRow: true},
		"refused":            {content: pack(t, good), change: func(w *world) { w.insert = func(int) error { return errDown } }, again: 15 * time.Second, why: "service down", inRow: true},
		"the fourth time":    {content: pack(t, good), received: 4, change: func(w *world) { w.open = errDown }, again: 2 * time.Minute, why: "service down"},
		"the last time":      {content: pack(t, good), received: 40, change: func(w *world) { w.open = errDown }, again: 15 * time.Minute, why: "service down"},
		"no row for long":    {content: pack(t, good), change: func(w *world) { w.rowAfter = 100 }, again: 15 * time.Second, why: "the row is not there yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if test.body != "" {
				w.announce(test.body)
			} else {
				w.put(day1, test.content)
			}
			if test.received > 0 {
				w.waiting[0].Received = test.received
			}
			if test.change != nil {
				test.change(w)
			}
			w.run(t, nil)
			wantDeleted(t, w)
			wantResults(t, w, "failed")
			if got := w.hidden["1"]; len(got) != 1 || got[0] != test.again {
				t.Errorf("hidden for %v, want %s", got, test.again)
			}
			if !strings.Contains(w.log.String(), test.why) || strings.Contains(w.marks[day1], test.why) != test.inRow {
				t.Errorf("row %q, log %s", w.marks[day1], w.log.String())
			}
		})
	}
	t.Run("the others", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.announce("{}")
		w.put(day1, pack(t, good))
		w.run(t, nil)
		wantDeleted(t, w, "2")
		wantResults(t, w, "failed, loaded")
	})
}

// TestNothingToLoad wants events that ask for nothing to be done with.
func TestNothingToLoad(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.announce(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"processed"}`)
	w.announce(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"processed"},"object":{"key":"quarantine/a/b.csv.ndjson"}}}]}`)
	w.announce(`{"Records":[{"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"processed"},"object":{"key":"processed/a/b.csv.ndjson.gz"}}}]}`)
	w.announce(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"processed"},"object":{"key":"processed/a/b.csv.ndjson.gz"}}}]}`)
	w.put(day1, zip(t, ""))
	w.run(t, nil)
	wantDeleted(t, w, "1", "2", "3", "4", "5")
	wantResults(t, w, strings.Join([]string{"ignored", "ignored", "gone", "loaded"}, ", "))
}

// TestRowComesLate has the processor write the row a moment behind the object.
func TestRowComesLate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.rowAfter = 3
	w.put(day1, pack(t, readings("a", 1, 1)))
	w.run(t, nil)
	wantDeleted(t, w, "1")
	if w.inserts != 1 || w.pauses != 3 || w.marks[day1] == "" {
		t.Errorf("%d inserts, %d pauses, marks %v", w.inserts, w.pauses, w.marks)
	}
}

func TestWithoutRows(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put(day1, pack(t, readings("a", 1, 1)))
	w.put(day2, []byte("?"))
	w.run(t, func(l *loader.Loader) { l.Rows = nil })
	wantDeleted(t, w, "1")
	wantResults(t, w, "loaded, failed")
}

// TestStops wants a loader that is stopped in a file to give back that message and
// those behind it at once.
func TestStops(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for range 3 {
		w.put(day1, pack(t, readings("a", 10, 1)))
	}
	w.insert = func(n int) error {
		if n == 2 {
			w.idle()
			return context.Canceled
		}
		return nil
	}
	w.run(t, nil)
	wantDeleted(t, w, "1")
	if len(w.hidden["1"]) != 0 || fmt.Sprint(w.hidden["2"], w.hidden["3"]) != "[0s] [0s]" {
		t.Errorf("hidden %v", w.hidden)
	}
	if w.marks[day1] != "etag loaded 2026-03-02" {
		t.Errorf("marks %v", w.marks)
	}
}

// TestKeepsMessages wants messages to stay hidden while a file takes long, and those
// that are done with to be left alone.
func TestKeepsMessages(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put(day1, pack(t, readings("a", 10, 1)))
	w.put(day2, pack(t, readings("b", 10, 1)))
	const hidden = 30 * time.Millisecond
	kept := func(id string, times int) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.hidden[id]) >= times
	}
	w.insert = func(n int) error {
		if n == 1 {
			for !kept("1", 3) || !kept("2", 3) {
				time.Sleep(time.Millisecond)
			}
			return nil
		}
		w.mu.Lock()
		before := len(w.hidden["1"])
		w.mu.Unlock()
		for more := len(w.hiddenOf("2")) + 3; !kept("2", more); {
			time.Sleep(time.Millisecond)
		}
		if after := len(w.hiddenOf("1")); after > before+1 { // one may be under way
			t.Errorf("message 1, which is done with, was kept %d times more", after-before)
		}
		return nil
	}
	w.run(t, func(l *loader.Loader) { l.Hidden = hidden })
	wantDeleted(t, w, "1", "2")
}

func (w *world) hiddenOf(id string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.hidden[id])
}

// FuzzMessage wants no message to stop the loader, and none to be deleted of which
// nothing is understood.
func FuzzMessage(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[]", `{"Records":[]}`, `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"processed"},"object":{"key":"processed/a/b.csv.ndjson.gz"}}}]}`,
		`{"Type":"Notification","Message":"{}"}`, `{"Event":"s3:TestEvent","Service":"Amazon S3"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld()
		w.announce(body)
		w.run(t, nil)
		if len(w.deleted)+len(w.hidden["1"]) != 1 {
			t.Errorf("deleted %v, hidden %v", w.deleted, w.hidden)
		}
		if len(w.deleted) == 1 && slices.Contains(w.results, loader.Failed) {
			t.Errorf("%q was given up: %v", body, w.results)
		}
	})
}
