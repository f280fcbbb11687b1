package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/warehouse"
)

// balancer sends requests to the targets that are ready, and finds out which
// are as a load balancer does: by asking now and then.
type balancer struct {
	mu      sync.Mutex
	targets []*url.URL
	ready   []*url.URL
	next    int
}

const probeInterval = 20 * time.Millisecond

func (b *balancer) add(t *testing.T, r *running) {
	t.Helper()
	target, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = append(b.targets, target)
}

// probe asks every target until ctx ends.
func (b *balancer) probe(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		targets := slices.Clone(b.targets)
		b.mu.Unlock()
		var ready []*url.URL
		for _, target := range targets {
			res, err := http.Get(target.String() + "/readyz")
			if err != nil {
				continue
			}
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				ready = append(ready, target)
			}
		}
		b.mu.Lock()
		// With no target ready, a load balancer goes on as before.
		if len(ready) > 0 {
			b.ready = ready
		}
		b.mu.Unlock()
		time.Sleep(probeInterval)
	}
}

// takesUp waits until a target gets requests, as a rolling update does before
// it stops an old one.
func (b *balancer) takesUp(t *testing.T, r *running) {
	t.Helper()
	for range 3000 {
		b.mu.Lock()
		ready := slices.ContainsFunc(b.ready, func(u *url.URL) bool { return u.String() == r.url })
		b.mu.Unlock()
		if ready {
			return
		}
		time.Sleep(probeInterval)
	}
	t.Fatalf("%s does not become ready", r.url)
}

func (b *balancer) pick() *url.URL {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return &url.URL{Scheme: "http", Host: "no-target-is-ready.invalid"}
	}
	b.next++
	return b.ready[b.next%len(b.ready)]
}

// load posts batches of readings that are all different, until it is ended.
type load struct {
	url      string
	ended    atomic.Bool
	posted   atomic.Int64
	accepted atomic.Int64
	failed   atomic.Int64
	last     atomic.Value // a failure
	clients  sync.WaitGroup
}

const loadBatch = 5

func startLoad(address string, clients int) *load {
	l := &load{url: address}
	for range clients {
		l.clients.Go(func() {
			const pause = 200 * time.Millisecond
			for !l.ended.Load() {
				if !l.post() {
					time.Sleep(pause)
				}
			}
		})
	}
	return l
}

// post says whether its batch was accepted.
func (l *load) post() bool {
	n := l.posted.Add(1)
	var body strings.Builder
	for i := range int64(loadBatch) {
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n*loadBatch+i) * time.Millisecond)
		fmt.Fprintf(&body, `{"sensor_id":"boiler","metric":"value","timestamp":%q,"value":1}`+"\n", at.Format(time.RFC3339Nano))
	}
	res, err := http.Post(l.url+"/v1/readings", "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil {
		l.failed.Add(1)
		l.last.Store(err.Error())
		return false
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusAccepted {
		l.failed.Add(1)
		l.last.Store(fmt.Sprintf("%s %s %v", res.Status, text, err))
		return false
	}
	l.accepted.Add(1)
	return true
}

// more waits until some more batches were accepted.
func (l *load) more(t *testing.T) {
	t.Helper()
	const enough = 100
	for from, i := l.accepted.Load(), 0; l.accepted.Load() < from+enough; i++ {
		if i == 6000 {
			t.Fatalf("%d batches accepted since %d, last failure: %v", l.accepted.Load()-from, from, l.last.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *load) end() {
	l.ended.Store(true)
	l.clients.Wait()
}

// wantStored holds the database to what was accepted.
func (l *load) wantStored(t *testing.T, database string, exactly bool) {
	t.Helper()
	w, err := warehouse.Open(t.Context(), database, warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Prepare(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	page, err := w.Select(t.Context(), warehouse.Query{SensorID: "boiler", Limit: 10_000_000})
	if err != nil {
		t.Fatal(err)
	}
	got, want := len(page.Readings), int(l.accepted.Load())*loadBatch
	t.Logf("%d batches posted, %d accepted, %d failed; %d readings stored", l.posted.Load(), l.accepted.Load(), l.failed.Load(), got)
	if got < want || exactly && got != want {
		t.Errorf("%d readings are stored, %d were accepted", got, want)
	}
}

// TestRollingRestart replaces the API three times under load, as a rolling
// update does: the new task is there before the old one is told to stop. Not
// one request may fail, and what was accepted is stored.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	// The drain is many probes long, on a busy machine too.
	cfg := config{databaseURL: database, drainDelay: 5 * time.Second}
	current := start(t, cfg)
	current.until(t, "/readyz", http.StatusOK)

	b := &balancer{}
	b.add(t, current)
	probing, stopProbing := context.WithCancel(t.Context())
	var prober sync.WaitGroup
	prober.Go(func() { b.probe(probing) })
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(b.pick()) }})
	t.Cleanup(func() {
		stopProbing()
		prober.Wait()
		proxy.Close()
	})
	b.takesUp(t, current)
	l := startLoad(proxy.URL, 4)
	for range 3 {
		l.more(t)
		next := start(t, cfg)
		b.add(t, next)
		b.takesUp(t, next)
		current.end(t)
		current = next
	}
	l.more(t)
	l.end()
	current.end(t)
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed, the last: %v", l.failed.Load(), l.posted.Load(), l.last.Load())
	}
	l.wantStored(t, database, true)
}

// TestDatabaseGoneUnderLoad cuts every connection to the database for half a
// minute: nothing that was accepted is lost, and the API recovers by itself.
func TestDatabaseGoneUnderLoad(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	gate := newGate(t, database)
	r := start(t, config{databaseURL: "postgres://" + userOf(t, database) + "@" + gate.address + "/" + nameOf(t, database) + "?sslmode=disable"})
	r.until(t, "/readyz", http.StatusOK)
	l := startLoad(r.url, 4)
	l.more(t)
	gate.shut()
	r.until(t, "/readyz", http.StatusServiceUnavailable)
	if status, _ := r.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz answers %d", status)
	}
	if !testing.Short() {
		const outage = 30 * time.Second
		time.Sleep(outage)
	}
	gate.open()
	r.until(t, "/readyz", http.StatusOK)
	l.more(t)
	l.end()
	r.end(t)
	if l.failed.Load() == 0 {
		t.Error("nothing failed while the database was gone")
	}
	if text := fmt.Sprint(l.last.Load()); !strings.Contains(text, "503") {
		t.Errorf("a failure is not a 503: %s", text)
	}
	l.wantStored(t, database, false)
}
