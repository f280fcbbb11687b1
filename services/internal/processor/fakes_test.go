package processor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/parquet"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/s3event"
)

const bucket = "source"

// arrived is when every file came.
var arrived = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

var errDown = errors.New("service down")

// world is everything around the processor. A name in fails makes that
// operation fail once for each count.
type world struct {
	mu      sync.Mutex
	source  map[string][]byte
	sink    map[string][]byte
	rows    map[string]catalog.Object
	claims  map[string]processor.Claim
	states  map[processor.Series]processor.State
	owner   string
	onPause func()
	alerts  []processor.Alert
	trace   []string // writes in order
	fails   map[string]int
	onWrite func(key string)
	cut     bool // object bodies break off with a connection error
	parquet bool
	// killAfter is how many writes come before the invocation dies; -1 for
	// all there are.
	killAfter int
	dead      bool
	clock     time.Time
}

func newWorld() *world {
	return &world{
		source: map[string][]byte{}, sink: map[string][]byte{}, rows: map[string]catalog.Object{}, claims: map[string]processor.Claim{},
		states: map[processor.Series]processor.State{}, owner: "one", killAfter: -1, fails: map[string]int{},
		clock: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	}
}

func (w *world) processor() *processor.Processor {
	p := &processor.Processor{
		Source: source{w}, Sink: sink{w}, Catalog: rows{w}, Claims: claims{w}, States: states{w}, Alerts: alerts{w},
		Page: "https://sensors.example.com/",
		Pause: func(context.Context, int) error {
			if w.onPause == nil {
				return errors.New("nobody waits here")
			}
			w.onPause()
			return nil
		},
		Owner: func(context.Context) string { return w.owner },
		Now:   func() time.Time { w.clock = w.clock.Add(time.Second); return w.clock },
		Log:   slog.New(slog.DiscardHandler),
	}
	if w.parquet {
		p.Parquet = func(to io.Writer) processor.Form { return parquet.New(to) }
	}
	return p
}

// wrote notes a write, and dies behind the last one that was allowed: as after
// SIGKILL, nothing that comes later has an effect.
func (w *world) wrote(what string) {
	w.trace = append(w.trace, what)
	w.dead = w.killAfter >= 0 && len(w.trace) >= w.killAfter
}

func (w *world) fail(operation string) error {
	if w.dead {
		return errors.New("killed")
	}
	if w.fails[operation] > 0 {
		w.fails[operation]--
		return fmt.Errorf("%s: %w", operation, errDown)
	}
	return nil
}

type source struct{ *world }

func (s source) Open(_ context.Context, from, key string) (processor.Object, error) {
	if err := s.fail("open"); err != nil {
		return processor.Object{}, err
	}
	content, ok := s.source[key]
	if !ok || from != bucket {
		return processor.Object{}, fmt.Errorf("open %s: %w", key, processor.ErrNotFound)
	}
	var body io.Reader = bytes.NewReader(content)
	if s.cut {
		body = io.MultiReader(bytes.NewReader(content[:len(content)/2]), iotest.ErrReader(errDown))
	}
	return processor.Object{Body: io.NopCloser(body), ETag: fmt.Sprintf("%x", crc32.ChecksumIEEE(content)), Size: int64(len(content)), Modified: arrived}, nil
}

type sink struct{ *world }

func (s sink) Create(_ context.Context, key, _, _ string) processor.Upload {
	return &upload{world: s.world, key: key}
}

type upload struct {
	*world
	key    string
	buffer bytes.Buffer
}

func (u *upload) Write(p []byte) (int, error) { return u.buffer.Write(p) }

func (u *upload) Abort() {}

func (u *upload) Close() error {
	if err := u.fail("put " + u.key[:strings.IndexByte(u.key, '/')]); err != nil {
		return err
	}
	if u.onWrite != nil {
		u.onWrite(u.key)
	}
	u.sink[u.key] = bytes.Clone(u.buffer.Bytes())
	u.wrote(u.key)
	return nil
}

type states struct{ *world }

func (s states) Load(_ context.Context, series processor.Series) (processor.State, error) {
	state := s.states[series]
	state.Series = series
	return state, s.fail("load state")
}

func (s states) Save(_ context.Context, state processor.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail("save state"); err != nil {
		return err
	}
	if s.states[state.Series].Revision != state.Revision {
		return fmt.Errorf("save state: %w", processor.ErrBusy)
	}
	state.Revision++
	s.states[state.Series] = state
	s.wrote("state")
	return nil
}

type rows struct{ *world }

func (r rows) Get(_ context.Context, key string) (catalog.Object, bool, error) {
	o, ok := r.rows[key]
	return o, ok, r.fail("get row")
}

func (r rows) Put(_ context.Context, o catalog.Object) error {
	if err := r.fail("put row"); err != nil {
		return err
	}
	if o.Sequencer != "" && r.rows[o.Key].Sequencer > o.Sequencer {
		return fmt.Errorf("put row: %w", catalog.ErrSuperseded)
	}
	r.rows[o.Key] = o
	r.wrote("row")
	return nil
}

type claims struct{ *world }

func (c claims) Take(_ context.Context, claim processor.Claim) (processor.Claim, error) {
	if err := c.fail("take claim"); err != nil {
		return claim, err
	}
	before := c.claims[claim.Key]
	if before.Owner != claim.Owner && !before.Until.Before(claim.Written) {
		return claim, fmt.Errorf("take claim: %w", processor.ErrClaimed)
	}
	claim.Alerted = before.Alerted && before.Content == claim.Content
	c.claims[claim.Key] = claim
	c.wrote("claim")
	return claim, nil
}

func (c claims) Held(_ context.Context, key string, now time.Time) (bool, error) {
	return !c.claims[key].Until.Before(now), c.fail("held")
}

func (c claims) Keep(_ context.Context, claim processor.Claim) error {
	if err := c.fail("keep claim"); err != nil {
		return err
	}
	c.claims[claim.Key] = claim
	c.wrote("claim")
	return nil
}

type alerts struct{ *world }

func (a alerts) Publish(_ context.Context, published []processor.Alert) error {
	if err := a.fail("publish"); err != nil {
		return err
	}
	a.alerts = append(a.alerts, published...)
	a.wrote("alerts")
	return nil
}

// put stores an object and returns the event that S3 would send.
func (w *world) put(key string, content []byte) processor.Event {
	w.source[key] = content
	return event(key, "")
}

// event is decoded from JSON, as it comes from S3.
func event(key, sequencer string) processor.Event {
	text := fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put",
		"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"sequencer":%q}}}]}`, bucket, url.QueryEscape(key), sequencer)
	changes, err := s3event.Changes([]byte(text))
	if err != nil {
		panic(err)
	}
	return processor.Event{Records: changes}
}

func (w *world) mustHandle(t *testing.T, events ...processor.Event) {
	t.Helper()
	var all processor.Event
	for _, e := range events {
		all.Records = append(all.Records, e.Records...)
	}
	if err := w.processor().Handle(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func pack(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t *testing.T, content []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}
