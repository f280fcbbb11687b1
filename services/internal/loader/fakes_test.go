package loader_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/loader"
	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

const bucket = "processed"

var errDown = errors.New("service down")

// world is everything around a loader.
type world struct {
	mu       sync.Mutex
	messages []loader.Message
	waiting  []loader.Message // to be received
	hidden   map[string][]time.Duration
	deleted  []string
	contents map[string][]byte
	stored   []reading.Reading
	sizes    []int // of inserts
	marks    map[string]string
	results  []string
	counted  [3]int
	insert   func(n int) error // of the insert of that number
	open     error
	broken   error // in the middle of an object
	ready    func(n int) error
	asked    int
	inserts  int
	rowAfter int // marks that find no row
	pauses   int
	log      bytes.Buffer
	idle     func() // called when nothing is left to receive
}

func newWorld() *world {
	return &world{
		hidden: map[string][]time.Duration{}, contents: map[string][]byte{},
		marks: map[string]string{}, insert: func(int) error { return nil }, ready: func(int) error { return nil },
	}
}

// run runs the loader until it has received everything there is.
func (w *world) run(t *testing.T, change func(*loader.Loader)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.idle = cancel
	l := &loader.Loader{
		Queue: w, Source: w, Bucket: bucket, Warehouse: w, Rows: w, Room: admission.NewLine(8<<20, time.Second), Counters: w,
		Now: func() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }, Pause: w.pause, Hidden: time.Minute,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if change != nil {
		change(l)
	}
	l.Run(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatal("the loader does not come to an end")
	}
}

func (w *world) pause(ctx context.Context, _ int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pauses++
	return ctx.Err()
}

func (w *world) Receive(context.Context, time.Duration) ([]loader.Message, error) {
	if len(w.waiting) == 0 {
		w.idle()
		return nil, nil
	}
	got := w.waiting
	w.waiting = nil
	return got, nil
}

func (w *world) Hide(_ context.Context, m loader.Message, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hidden[m.ID] = append(w.hidden[m.ID], d)
	return nil
}

func (w *world) Delete(_ context.Context, m loader.Message) error {
	w.deleted = append(w.deleted, m.ID)
	return nil
}

func (w *world) Open(_ context.Context, b, key string) (processor.Object, error) {
	if w.open != nil {
		return processor.Object{}, w.open
	}
	content, there := w.contents[b+"/"+key]
	if !there {
		return processor.Object{}, fmt.Errorf("open: %w", processor.ErrNotFound)
	}
	var body io.Reader = bytes.NewReader(content)
	if w.broken != nil {
		body = io.MultiReader(bytes.NewReader(content[:len(content)/2]), failing{w.broken})
	}
	return processor.Object{Body: io.NopCloser(body), Source: "etag"}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (w *world) Ready(context.Context) error {
	w.asked++
	return w.ready(w.asked)
}

func (w *world) Insert(_ context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	w.inserts++
	if err := w.insert(w.inserts); err != nil {
		return warehouse.Stored{}, err
	}
	w.sizes = append(w.sizes, len(readings))
	var stored warehouse.Stored
	known := map[reading.Key]bool{}
	for _, r := range w.stored {
		known[r.Key()] = true
	}
	for i, r := range readings {
		if known[r.Key()] {
			stored.Duplicates = append(stored.Duplicates, i)
			continue
		}
		known[r.Key()] = true
		stored.New++
		w.stored = append(w.stored, r)
	}
	return stored, nil
}

func (w *world) MarkLoaded(_ context.Context, key, etag string, at time.Time) error {
	if w.rowAfter > 0 {
		w.rowAfter--
		return fmt.Errorf("mark: %w", catalog.ErrNotCurrent)
	}
	w.marks[key] = etag + " loaded " + at.Format(time.DateOnly)
	return nil
}

func (w *world) MarkUnloadable(_ context.Context, key, etag, why string) error {
	w.marks[key] = etag + " " + why
	return nil
}

func (w *world) LoadedFile(result string, _ time.Duration) { w.results = append(w.results, result) }

func (w *world) LoadedReadings(stored, known, expired int) {
	w.counted[0] += stored
	w.counted[1] += known
	w.counted[2] += expired
}

// put stores a processed object and announces it; it returns the message's name.
func (w *world) put(source string, content []byte) string {
	key := objectkey.Processed(source)
	w.contents[bucket+"/"+key] = content
	return w.announce(fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`,
		bucket, url.QueryEscape(key)))
}

func (w *world) announce(body string) string {
	id := fmt.Sprint(len(w.messages) + 1)
	m := loader.Message{ID: id, Handle: "handle " + id, Body: body, Received: 1}
	w.messages, w.waiting = append(w.messages, m), append(w.waiting, m)
	return id
}

// readings makes so many of a sensor, one a second.
func readings(sensor string, n int, value float64) []reading.Reading {
	var all []reading.Reading
	for i := range n {
		all = append(all, reading.Reading{
			SensorID: sensor, Metric: "m", Timestamp: time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC), Value: value,
		})
	}
	return all
}

// pack writes readings as the processor does.
func pack(t *testing.T, all []reading.Reading) []byte {
	t.Helper()
	var lines []byte
	var appender reading.Appender
	for _, r := range all {
		lines = append(appender.Append(lines, r), '\n')
	}
	return zip(t, string(lines))
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wantDeleted(t *testing.T, w *world, want ...string) {
	t.Helper()
	if !slices.Equal(w.deleted, want) {
		t.Errorf("deleted messages %v, want %v; log: %s", w.deleted, want, w.log.String())
	}
}

func wantResults(t *testing.T, w *world, want string) {
	t.Helper()
	if got := strings.Join(w.results, ", "); got != want {
		t.Errorf("results %q, want %q; log: %s", got, want, w.log.String())
	}
}
