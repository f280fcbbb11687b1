package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/metrics"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// fakeWarehouse fails with err, or panics when it holds a panic.
type fakeWarehouse struct {
	err      error
	panics   bool
	inserted []reading.Reading
	kept     map[string][]byte
	queries  []warehouse.Query
	pages    func(warehouse.Query) (warehouse.Page, error)
}

func (f *fakeWarehouse) Insert(_ context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	if f.panics {
		panic("out of order")
	}
	var stored warehouse.Stored
	for i, r := range readings {
		if slices.Contains(f.inserted, r) {
			stored.Duplicates = append(stored.Duplicates, i)
			continue
		}
		stored.New++
		f.inserted = append(f.inserted, r)
	}
	return stored, f.err
}

func (f *fakeWarehouse) InsertOnce(ctx context.Context, once warehouse.Once, readings []reading.Reading,
	answer func(warehouse.Stored) ([]byte, error),
) ([]byte, bool, error) {
	if kept := f.kept[once.Key]; kept != nil {
		if !bytes.HasPrefix(kept, once.Request) {
			return nil, false, fmt.Errorf("fake: %w", warehouse.ErrKeyReused)
		}
		return kept[len(once.Request):], true, nil
	}
	stored, err := f.Insert(ctx, readings)
	if err != nil {
		return nil, false, err
	}
	kept, err := answer(stored)
	if f.kept == nil {
		f.kept = map[string][]byte{}
	}
	f.kept[once.Key] = slices.Concat(once.Request, kept)
	return kept, false, err
}

func (f *fakeWarehouse) Select(_ context.Context, q warehouse.Query) (warehouse.Page, error) {
	f.queries = append(f.queries, q)
	if f.pages != nil {
		return f.pages(q)
	}
	return warehouse.Page{}, f.err
}

func (f *fakeWarehouse) Buckets(context.Context, warehouse.BucketQuery) ([]warehouse.Bucket, error) {
	return nil, f.err
}

func (f *fakeWarehouse) Sensors(context.Context, warehouse.SensorQuery) (warehouse.SensorPage, error) {
	return warehouse.SensorPage{}, f.err
}

func (f *fakeWarehouse) Ready(context.Context) error { return f.err }

// failing is an inbox and a catalog that do not answer.
type failing struct{}

var errDown = errors.New("connection refused by 10.0.0.7")

func (failing) Put(context.Context, string, string, []byte) error { return errDown }

func (failing) Get(context.Context, string) (catalog.Object, bool, error) {
	return catalog.Object{}, false, errDown
}

func (failing) List(context.Context, catalog.Query) (catalog.Page, error) {
	return catalog.Page{}, errDown
}

type fakeInbox map[string]string

func (f fakeInbox) Put(_ context.Context, key, _ string, body []byte) error {
	f[key] = string(body)
	return nil
}

type fakeCatalog map[string]catalog.Object

func (f fakeCatalog) Get(_ context.Context, key string) (catalog.Object, bool, error) {
	o, ok := f[key]
	return o, ok, nil
}

func (f fakeCatalog) List(_ context.Context, q catalog.Query) (catalog.Page, error) {
	for _, o := range f {
		if o.Key > q.After && (q.SensorID == "" || q.SensorID == o.SensorID) {
			return catalog.Page{Objects: []catalog.Object{o}, Next: o.Key}, nil
		}
	}
	return catalog.Page{}, nil
}

// now is what the clock of every API here shows.
var now = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newAPI(cfg httpapi.Config) *httpapi.API {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Metrics = metrics.New()
	if cfg.Batches == 0 {
		cfg.Batches = 10
	}
	if cfg.InHand == 0 {
		cfg.InHand = 256 << 20
	}
	cfg.Now = func() time.Time { return now }
	cfg.Version = func(context.Context) httpapi.Version {
		return httpapi.Version{Version: "1.2", Commit: "abc", ImageDigest: "sha256:0"}
	}
	return httpapi.New(cfg)
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func call(t *testing.T, api http.Handler, method, target string, body io.Reader) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, body)
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, req)
	return answer{status: rec.Code, header: rec.Header(), body: rec.Body.String()}
}

func get(t *testing.T, api http.Handler, target string) answer {
	t.Helper()
	return call(t, api, http.MethodGet, target, nil)
}

func post(t *testing.T, api http.Handler, body string) answer {
	t.Helper()
	return call(t, api, http.MethodPost, "/v1/readings", strings.NewReader(body))
}

type problem struct {
	Title  string
	Status int
	Detail string
	Errors []struct {
		Index  *int
		Field  string
		Reason string
	}
}

// wantProblem checks that an answer is an error as the API promises them.
func wantProblem(t *testing.T, a answer, status int) problem {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %s", got)
	}
	var p problem
	a.decode(t, &p)
	if p.Status != status || p.Title != http.StatusText(status) {
		t.Errorf("problem %+v, want status %d", p, status)
	}
	return p
}
