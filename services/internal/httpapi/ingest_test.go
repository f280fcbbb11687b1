package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sensor-backend/services/internal/httpapi"
)

const good = `{"sensor_id":"a","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":1}`

func TestPostRefusesABadBatch(t *testing.T) {
	t.Parallel()
	type field struct {
		index int // -1 when the problem is not of one reading
		name  string
	}
	tests := map[string]struct {
		body   string
		status int
		fields []field
	}{
		"empty body":       {"", 400, nil},
		"not JSON":         {"readings", 400, nil},
		"an array":         {"[" + good + "]", 400, nil},
		"cut off":          {`{"readings":[` + good, 400, nil},
		"something behind": {`{"readings":[` + good + `]} {}`, 400, nil},
		"not an array":     {`{"readings":` + good + `}`, 400, nil},
		"NaN":              {`{"readings":[{"sensor_id":"a","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":NaN}]}`, 400, nil},
		"no readings":      {`{}`, 422, []field{{-1, "readings"}}},
		"empty readings":   {`{"readings":[]}`, 422, []field{{-1, "readings"}}},
		"one bad of three": {`{"readings":[` + good + `,{"sensor_id":"a","metric":"m","timestamp":"yesterday","value":1},` + good + `]}`, 422, []field{{1, "timestamp"}}},
		"several bad": {
			`{"readings":[{},{"sensor_id":"a/b","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":1},` +
				`{"sensor_id":"a","timestamp":"2026-03-01T12:00:00Z","value":1},{"sensor_id":"a","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":"1"},7]}`,
			422, []field{{0, "timestamp"}, {1, "sensor_id"}, {2, "metric"}, {3, "value"}, {4, ""}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &fakeWarehouse{}
			p := wantProblem(t, post(t, newAPI(httpapi.Config{Warehouse: w}), test.body), test.status)
			if len(w.inserted) > 0 {
				t.Errorf("stored %v", w.inserted)
			}
			if len(p.Errors) != len(test.fields) {
				t.Fatalf("errors %+v, want %+v", p.Errors, test.fields)
			}
			for i, want := range test.fields {
				got := field{-1, p.Errors[i].Field}
				if p.Errors[i].Index != nil {
					got.index = *p.Errors[i].Index
				}
				if got != want || p.Errors[i].Reason == "" {
					t.Errorf("error %d: %+v, want %+v", i, p.Errors[i], want)
				}
			}
		})
	}
}

func TestPostIgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	w := &fakeWarehouse{}
	got := post(t, newAPI(httpapi.Config{Warehouse: w}), `{"device":{"fw":[1,2]},"readings":[`+good+`],"more":null}`)
	if got.status != http.StatusAccepted || len(w.inserted) != 1 {
		t.Errorf("got %d %s, stored %v", got.status, got.body, w.inserted)
	}
}

func TestPostNamesAtMostAHundred(t *testing.T) {
	t.Parallel()
	body := `{"readings":[{}` + strings.Repeat(",{}", 999) + `]}`
	p := wantProblem(t, post(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), body), http.StatusUnprocessableEntity)
	if len(p.Errors) != 100 || !strings.HasPrefix(p.Detail, "1000 of 1000") {
		t.Errorf("%d errors, %s", len(p.Errors), p.Detail)
	}
}

func TestPostTooManyReadings(t *testing.T) {
	t.Parallel()
	body := `{"readings":[` + good + strings.Repeat(","+good, 10_000) + `]}`
	wantProblem(t, post(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), body), http.StatusRequestEntityTooLarge)
}

// counter is an endless stream of one JSON string that counts what is read.
type counter struct{ read int64 }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	c.read += int64(len(p))
	return len(p), nil
}

// TestPostHugeBody sends 100 MB, with and without saying so beforehand.
func TestPostHugeBody(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	tests := map[string]struct {
		length int64
		most   int64 // bytes that may be read
	}{
		"announced": {size, 0},
		"chunked":   {-1, 9 << 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tail := &counter{}
			body := io.MultiReader(strings.NewReader(`{"readings":["`), io.LimitReader(tail, size))
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", body)
			req.ContentLength = test.length
			rec := httptest.NewRecorder()
			newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}).ServeHTTP(rec, req)
			wantProblem(t, answer{rec.Code, rec.Header(), rec.Body.String()}, http.StatusRequestEntityTooLarge)
			if tail.read > test.most {
				t.Errorf("read %d bytes, want at most %d", tail.read, test.most)
			}
		})
	}
}

func TestPostWithWarehouseOff(t *testing.T) {
	t.Parallel()
	inbox := fakeInbox{}
	api := newAPI(httpapi.Config{Inbox: inbox})
	line := func(sensor string, minute int) string {
		return fmt.Sprintf(`{"sensor_id":%q,"metric":"m","timestamp":"2026-03-01T12:%02d:00Z","value":1.5}`, sensor, minute)
	}
	batch := func(lines ...string) string { return `{"readings":[` + strings.Join(lines, ",") + `]}` }

	for range 2 {
		// Out of order and with a reading twice: the same object all the same.
		for _, b := range []string{batch(line("a b", 1), line("a b", 0), line("a b", 1)), batch(line("a b", 0), line("a b", 1), line("a b", 0))} {
			got := post(t, api, b)
			if got.status != http.StatusAccepted || got.body != `{"accepted":2,"duplicates":1}`+"\n" {
				t.Fatalf("got %d %s", got.status, got.body)
			}
		}
	}
	post(t, api, batch(line("x", 0), line("y", 0)))
	if len(inbox) != 2 {
		t.Fatalf("objects %v, want 2", inbox)
	}
	for key, body := range inbox {
		want := line("a b", 0) + "\n" + line("a b", 1) + "\n"
		if strings.HasPrefix(key, "incoming/mixed/batch-") {
			want = line("x", 0) + "\n" + line("y", 0) + "\n"
		} else if !strings.HasPrefix(key, "incoming/a b/batch-") {
			t.Errorf("key %s", key)
		}
		if body != want || !strings.HasSuffix(key, ".ndjson") {
			t.Errorf("%s holds\n%swant\n%s", key, body, want)
		}
	}
}

func TestPostWithEverythingOff(t *testing.T) {
	t.Parallel()
	p := wantProblem(t, post(t, newAPI(httpapi.Config{}), `{"readings":[`+good+`]}`), http.StatusServiceUnavailable)
	if !strings.Contains(p.Detail, "the warehouse is off") {
		t.Errorf("detail %q", p.Detail)
	}
}
