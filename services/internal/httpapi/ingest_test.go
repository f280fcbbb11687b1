package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
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

// TestPostAnswersForEachReading has good, bad and repeated readings in one
// batch, in either form.
func TestPostAnswersForEachReading(t *testing.T) {
	t.Parallel()
	other := strings.Replace(good, "12:00", "12:01", 1)
	future := strings.Replace(good, "03-01", "03-05", 1)
	old := strings.Replace(good, "03-01", "01-01", 1)
	lines := []string{good, `{"sensor_id":"a"}`, other, good, future, "nonsense", old, ""}
	tests := map[string]struct {
		contentType, body, want string
		status                  int
	}{
		"NDJSON": {
			"application/x-ndjson", strings.Join(lines, "\n"),
			`{"accepted":2,"duplicates":1,"rejected":4,"items":[` +
				`{"index":1,"status":"rejected","field":"timestamp","reason":"is missing"},` +
				`{"index":3,"status":"duplicate"},` +
				`{"index":4,"status":"rejected","field":"timestamp","reason":"is more than 24h0m0s in the future, check the sensor's clock"},` +
				`{"index":5,"status":"rejected","reason":"not valid JSON: invalid character 'o' in literal null (expecting 'u')"},` +
				`{"index":6,"status":"rejected","field":"timestamp","reason":"is older than the 720h0m0s for which readings are kept"}]}`, 207,
		},
		"JSON": {
			"application/json; charset=utf-8", `{"readings":[` + good + `,{},` + other + `]}`,
			`{"accepted":2,"duplicates":0,"rejected":1,"items":[{"index":1,"status":"rejected","field":"timestamp","reason":"is missing"}]}`, 207,
		},
		"nothing wrong": {"application/ndjson", good, `{"accepted":1,"duplicates":0,"rejected":0}`, 202},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			window := httpapi.Window{Future: 24 * time.Hour, Retention: 30 * 24 * time.Hour}
			api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}, Window: window})
			got := send(t, api, http.Header{"Content-Type": {test.contentType}}, []byte(test.body))
			if got.status != test.status || strings.TrimSpace(got.body) != test.want {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, test.status, test.want)
			}
		})
	}
}

// send posts a body with headers.
func send(t *testing.T, api http.Handler, header http.Header, body []byte) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", bytes.NewReader(body))
	req.Header = header
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, req)
	return answer{rec.Code, rec.Header(), rec.Body.String()}
}

func pack(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPostEncodings(t *testing.T) {
	t.Parallel()
	body := []byte(`{"readings":[` + good + `]}`)
	bomb := pack(t, bytes.Repeat([]byte(" "), 100<<20))
	tests := map[string]struct {
		header http.Header
		body   []byte
		status int
	}{
		"gzip":             {http.Header{"Content-Encoding": {"gzip"}}, pack(t, body), 202},
		"gzip, cut off":    {http.Header{"Content-Encoding": {"gzip"}}, pack(t, body)[:30], 400},
		"gzip, not packed": {http.Header{"Content-Encoding": {"gzip"}}, body, 400},
		"bomb":             {http.Header{"Content-Encoding": {"gzip"}}, bomb, 413},
		"unknown encoding": {http.Header{"Content-Encoding": {"br"}}, body, 415},
		"unknown type":     {http.Header{"Content-Type": {"text/csv"}}, body, 415},
		"damaged type":     {http.Header{"Content-Type": {";"}}, body, 415},
		"damaged text":     {http.Header{}, bytes.Replace(body, []byte(`"a"`), []byte("\"a\xff\""), 1), 422},
		"huge exponent":    {http.Header{}, bytes.Replace(body, []byte("1}"), []byte("1e400}"), 1), 422},
		"key too long":     {http.Header{"Idempotency-Key": {strings.Repeat("k", 256)}}, body, 400},
		"key not readable": {http.Header{"Idempotency-Key": {"a\tb"}}, body, 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), test.header, test.body)
			if test.status != http.StatusAccepted {
				wantProblem(t, got, test.status)
			} else if got.status != test.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}})
	body := []byte(`{"readings":[` + good + `,{}]}`)
	key := http.Header{"Idempotency-Key": {"one"}}
	first, again := send(t, api, key, body), send(t, api, key, body)
	if first.status != 207 || again.status != 207 || first.body != again.body {
		t.Errorf("first %d %s, again %d %s", first.status, first.body, again.status, again.body)
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("Idempotency-Replayed is %q, then %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
	wantProblem(t, send(t, api, key, []byte(`{"readings":[`+good+`]}`)), http.StatusUnprocessableEntity)
	if got := send(t, api, http.Header{}, body); !strings.Contains(got.body, `"duplicates":1`) {
		t.Errorf("without the key: %s", got.body)
	}
}

// held is a warehouse that stores nothing until it is let go.
type held struct {
	*fakeWarehouse
	began chan struct{}
	let   chan struct{}
}

func (h held) Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	h.began <- struct{}{}
	select {
	case <-h.let:
		return warehouse.Stored{New: len(readings)}, nil
	case <-ctx.Done():
		return warehouse.Stored{}, ctx.Err()
	}
}

// TestPostWhenFull has one batch wait in the only place.
func TestPostWhenFull(t *testing.T) {
	t.Parallel()
	w := held{&fakeWarehouse{}, make(chan struct{}, 2), make(chan struct{})}
	api := newAPI(httpapi.Config{Warehouse: w, Batches: 1})
	first := make(chan answer)
	go func() { first <- post(t, api, `{"readings":[`+good+`]}`) }()
	<-w.began
	full := post(t, api, `{"readings":[`+good+`]}`)
	p := wantProblem(t, full, http.StatusTooManyRequests)
	if p.Detail == "" || full.header.Get("Retry-After") != "1" {
		t.Errorf("detail %q, Retry-After %q", p.Detail, full.header.Get("Retry-After"))
	}
	if got := get(t, api, "/metrics").body; !strings.Contains(got, "ingest_queue_batches 1\n") {
		t.Error("the metrics do not show the batch")
	}
	close(w.let)
	if got := <-first; got.status != http.StatusAccepted {
		t.Errorf("the first batch: %d %s", got.status, got.body)
	}
	if got := post(t, api, `{"readings":[`+good+`]}`); got.status != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

// from posts a body as a client of that address, through a load balancer.
func from(t *testing.T, api http.Handler, address string, body []byte) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", bytes.NewReader(body))
	req.RemoteAddr = "10.0.0.7:1234"
	req.Header.Set("X-Forwarded-For", "192.168.9.9, "+address) // of which the first is made up
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, req)
	return answer{rec.Code, rec.Header(), rec.Body.String()}
}

// TestOneClientHasHalfOfThePlaces wants room beside a client that sends more than
// the service stores, whatever it says of itself.
func TestOneClientHasHalfOfThePlaces(t *testing.T) {
	t.Parallel()
	w := held{&fakeWarehouse{}, make(chan struct{}, 9), make(chan struct{})}
	api := newAPI(httpapi.Config{Warehouse: w, Batches: 2})
	body := []byte(`{"readings":[` + good + `]}`)
	answers := make(chan answer)
	go func() { answers <- from(t, api, "203.0.113.1", body) }()
	<-w.began
	wantProblem(t, from(t, api, "203.0.113.1", body), http.StatusTooManyRequests)
	go func() { answers <- from(t, api, "203.0.113.2", body) }()
	<-w.began
	close(w.let)
	for range 2 {
		if got := <-answers; got.status != http.StatusAccepted {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// TestBytesInHand bounds what is taken in at a time by what it costs.
func TestBytesInHand(t *testing.T) {
	t.Parallel()
	w := held{&fakeWarehouse{}, make(chan struct{}, 9), make(chan struct{})}
	// A thousand readings may cost all the room until they are known.
	api := newAPI(httpapi.Config{Warehouse: w, InHand: 3 << 20})
	api.SetPatience(20 * time.Millisecond)
	thousand := []byte(`{"readings":[` + strings.Repeat(good+",", 999) + good + `]}`)
	first := make(chan answer)
	go func() { first <- from(t, api, "203.0.113.1", thousand) }()
	<-w.began
	full := from(t, api, "203.0.113.2", thousand)
	wantProblem(t, full, http.StatusTooManyRequests)
	if full.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", full.header.Get("Retry-After"))
	}
	few := make(chan answer)
	go func() {
		few <- from(t, api, "203.0.113.2", []byte(`{"readings":[`+strings.Replace(good, `"a"`, `"b"`, 1)+`]}`))
	}()
	<-w.began // beside it there is room for a few
	if got := get(t, api, "/metrics").body; !strings.Contains(got, "http_in_hand_limit_bytes 3.145728e+06\n") || strings.Contains(got, "http_in_hand_bytes 0\n") {
		t.Error("the metrics do not show what is in hand")
	}
	close(w.let)
	for _, answers := range []chan answer{first, few} {
		if got := <-answers; got.status != http.StatusAccepted {
			t.Errorf("%d %.200s", got.status, got.body)
		}
	}
	if got := get(t, api, "/metrics").body; !strings.Contains(got, "http_in_hand_bytes 0\n") {
		t.Error("something was not given back")
	}
	// Half of what may be arriving is one client's.
	wantProblem(t, from(t, api, "203.0.113.1", bytes.Repeat([]byte(" "), 1<<20)), http.StatusTooManyRequests)
}

// TestGzipTrailerLies wants no more room taken than was waited for.
func TestGzipTrailerLies(t *testing.T) {
	t.Parallel()
	lie := pack(t, []byte(`{"readings":[`+good+`]}`))
	lie = append(lie, pack(t, []byte(" "))...) // its own trailer says one byte
	got := send(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), http.Header{"Content-Encoding": {"gzip"}}, lie)
	if p := wantProblem(t, got, http.StatusBadRequest); !strings.Contains(p.Detail, "gzip trailer") {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	digest := func(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }
	keys, err := httpapi.ParseKeys(digest("old") + ", " + digest("new"))
	if err != nil {
		t.Fatal(err)
	}
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}, Keys: keys})
	body := []byte(`{"readings":[` + good + `]}`)
	for authorization, want := range map[string]int{"": 401, "Bearer other": 401, "Basic new": 401, "Bearer": 401, "Bearer old": 202, "bearer new": 202} {
		got := send(t, api, http.Header{"Authorization": {authorization}}, body)
		if got.status != want {
			t.Errorf("%q: %d, want %d", authorization, got.status, want)
		}
		if want == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%q: no WWW-Authenticate", authorization)
		}
	}
	if got := get(t, api, "/v1/readings?sensor_id=a"); got.status != http.StatusOK {
		t.Errorf("reading needs a key: %d", got.status)
	}
	const forgotten = "a-key-that-was-not-hashed"
	if _, err := httpapi.ParseKeys(forgotten); err == nil || strings.Contains(err.Error(), forgotten) {
		t.Errorf("got %v, want an error without the key", err)
	}
}

// FuzzPost sends anything as either form: it is answered, and never by 500.
func FuzzPost(f *testing.F) {
	f.Add([]byte(`{"readings":[`+good+`]}`), false)
	f.Add([]byte(good+"\n{}\n"), true)
	f.Add([]byte(`{"readings":[{"value":1e9}`), false)
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		header := http.Header{}
		if lines {
			header.Set("Content-Type", "application/x-ndjson")
		}
		w := &fakeWarehouse{}
		got := send(t, newAPI(httpapi.Config{Warehouse: w}), header, body)
		if got.status >= 500 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		for _, r := range w.inserted {
			if err := r.Validate(); err != nil {
				t.Fatalf("stored %+v: %v", r, err)
			}
		}
	})
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
	body := good + strings.Repeat(","+good, 10_000)
	wantProblem(t, post(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), `{"readings":[`+body+`]}`), http.StatusRequestEntityTooLarge)
	lines := []byte(strings.ReplaceAll(body, "},{", "}\n{"))
	got := send(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), http.Header{"Content-Type": {"application/x-ndjson"}}, lines)
	wantProblem(t, got, http.StatusRequestEntityTooLarge)
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
			want := `{"accepted":2,"duplicates":1,"rejected":0,"items":[{"index":2,"status":"duplicate"}]}` + "\n"
			got := post(t, api, b)
			if got.status != http.StatusAccepted || got.body != want {
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
	p := wantProblem(t, post(t, newAPI(httpapi.Config{}), `{"readings":[`+good+`]}`), http.StatusNotImplemented)
	if !strings.Contains(p.Detail, "the warehouse is off") {
		t.Errorf("detail %q", p.Detail)
	}
}
