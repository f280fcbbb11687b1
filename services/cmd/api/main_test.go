package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/warehouse"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// running is an API that serves on a port of its own.
type running struct {
	url  string
	port string
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, cfg config) *running {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.stopTimeout == 0 {
		cfg.stopTimeout = 10 * time.Second
	}
	if cfg.ingestBatches == 0 {
		cfg.ingestBatches = 64
	}
	if cfg.readTimeout == 0 {
		cfg.readTimeout = 30 * time.Second
	}
	cfg.migrateOnStart = true
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{url: "http://" + listener.Addr().String(), stop: stop, done: make(chan error, 1)}
	if _, r.port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- serve(ctx, cfg, listener, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(stop)
	return r
}

// end stops the API and waits for it.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the API does not stop")
	}
}

// get returns the status and body of a path, on a connection of its own as a
// load balancer's probe has it.
func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// until asks for a path until it answers with the status.
func (r *running) until(t *testing.T, path string, status int) {
	t.Helper()
	for range 3000 {
		if got, _ := r.get(t, path); got == status {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not answer %d", path, status)
}

// TestStopUnderLoad stops an API that several clients use. They turn away as
// soon as it says that it is not ready, as a load balancer does; until then not
// one request may fail.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	r := start(t, config{databaseURL: pgtest.URL(t), drainDelay: 300 * time.Millisecond})
	r.until(t, "/readyz", http.StatusOK)

	var draining atomic.Bool
	var requests, failures atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !draining.Load() {
				requests.Add(1)
				res, err := http.Post(r.url+"/v1/readings", "application/json", strings.NewReader(batch))
				if err != nil {
					failures.Add(1)
					continue
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusAccepted {
					failures.Add(1)
				}
				_ = res.Body.Close()
			}
		})
	}
	for requests.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	r.until(t, "/readyz", http.StatusServiceUnavailable)
	draining.Store(true)
	clients.Wait()
	r.end(t)
	if failures.Load() > 0 {
		t.Errorf("%d of %d requests failed", failures.Load(), requests.Load())
	}
}

const batch = `{"readings":[{"sensor_id":"boiler","metric":"value","timestamp":"2026-03-01T12:00:00Z","value":1}]}`

// TestDatabaseComesLate starts the API before its database is there: the
// address takes connections only later.
func TestDatabaseComesLate(t *testing.T) {
	t.Parallel()
	gate, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := gate.Addr().String()
	if err := gate.Close(); err != nil {
		t.Fatal(err)
	}
	database := pgtest.URL(t)
	r := start(t, config{databaseURL: "postgres://" + userOf(t, database) + "@" + address + "/" + nameOf(t, database) + "?sslmode=disable"})
	for path, want := range map[string]int{"/healthz": 200, "/version": 200, "/readyz": 503, "/v1/readings?sensor_id=a": 503} {
		if got, body := r.get(t, path); got != want {
			t.Errorf("without a database: %s answers %d %s, want %d", path, got, body, want)
		}
	}
	newGateAt(t, address, database)
	r.until(t, "/readyz", http.StatusOK)
	if got, body := r.get(t, "/v1/readings?sensor_id=a"); got != http.StatusOK {
		t.Errorf("with a database: %d %s", got, body)
	}
	r.end(t)
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	r := start(t, config{})
	if err := healthcheck(t.Context(), r.port); err != nil {
		t.Error(err)
	}
	r.end(t)
	if err := healthcheck(t.Context(), r.port); err == nil {
		t.Error("a stopped API is healthy")
	}
	ill := httptest.NewServer(http.NotFoundHandler())
	defer ill.Close()
	if err := healthcheck(t.Context(), ill.URL[strings.LastIndexByte(ill.URL, ':')+1:]); err == nil {
		t.Error("a 404 is healthy")
	}
}

func TestVersionAsksECS(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer string
		want   string
	}{
		"digest":    {`{"Image":"repo@sha256:1","ImageID":"sha256:1"}`, "sha256:1"},
		"no digest": {`{}`, ""},
		"nonsense":  {`<html>`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			ecs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if calls == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				_, _ = io.WriteString(w, test.answer)
			}))
			defer ecs.Close()
			v := newVersioner(ecs.URL)
			for i, want := range []string{"", test.want, test.want} {
				if got := v.version(t.Context()); got != (httpapi.Version{Version: "dev", Commit: "unknown", ImageDigest: want}) {
					t.Errorf("call %d: %+v, want the digest %q", i, got, want)
				}
			}
			if test.want != "" && calls != 2 {
				t.Errorf("%d calls, want no more once the digest is known", calls)
			}
		})
	}
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	cfg, err := readConfig(environment{}.get)
	if err != nil || cfg.port != "8080" || cfg.drainDelay != 3*time.Second || !cfg.migrateOnStart || len(cfg.writeKeys) != 0 {
		t.Errorf("defaults: %+v, %v", cfg, err)
	}
	wrong := environment{
		"PORT": "http", "DRAIN_DELAY": "soon", "RETENTION": "-1h", "INGEST_BATCHES": "0", "MIGRATE_ON_START": "maybe",
		"WRITE_KEYS_SHA256": "secret", "CORS_ORIGINS": "example.com", "DATABASE_URL": "postgres://user:hunter2@host:notaport/db",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "REDSHIFT_STAGING_BUCKET": "b",
	}
	_, err = readConfig(wrong.get)
	for name := range wrong {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is in %v", err)
	}
}

func TestPrintConfig(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"postgres://user:hunter2@host/db", "host=h password=hunter2", "postgres://host/db?password=hunter2"} {
		cfg, err := readConfig(environment{
			"DATABASE_URL": database, "WRITE_KEYS_SHA256": strings.Repeat("ab", 32),
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2",
		}.get)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := cfg.print(&out); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "abab") || !strings.Contains(text, "PORT=8080\n") ||
			!strings.Contains(text, "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318\nOTEL_EXPORTER_OTLP_HEADERS=(1 headers)\n") {
			t.Errorf("%s", text)
		}
	}
}

// TestMigrateTask has the schema made by the task, for a service that does
// not make it itself.
func TestMigrateTask(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	w, err := warehouse.Open(t.Context(), database, warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Prepare(t.Context(), false); !errors.Is(err, warehouse.ErrUnavailable) {
		t.Errorf("before: %v", err)
	}
	log := slog.New(slog.DiscardHandler)
	for range 2 {
		if err := migrate(t.Context(), config{databaseURL: database}, log); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Prepare(t.Context(), false); err != nil {
		t.Errorf("after: %v", err)
	}
	if err := migrate(t.Context(), config{}, log); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("without a database: %v", err)
	}
}

func TestRunRefusesArguments(t *testing.T) {
	t.Parallel()
	if err := run([]string{"helthcheck"}); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("got %v", err)
	}
}

// TestLogIsJSON reads every line that a short life leaves.
func TestLogIsJSON(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := serve(ctx, config{stopTimeout: time.Second, ingestBatches: 1}, listener, slog.New(slog.NewJSONHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["msg"] == "" {
			t.Errorf("%v in %s", err, line)
		}
	}
}
