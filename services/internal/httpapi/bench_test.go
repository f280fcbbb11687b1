package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/ingest"
	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

const (
	benchClients = 16
	benchBatch   = 100
	benchBatches = 1000
)

// queued is a warehouse behind the ingest queue, as the program has it.
type queued struct {
	*warehouse.Warehouse
	queue *ingest.Queue
}

func (q queued) Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	return q.queue.Insert(ctx, readings)
}

// InsertOnce stores a request together with those of others.
func (q queued) InsertOnce(ctx context.Context, once warehouse.Once, readings []reading.Reading,
	answer func(warehouse.Stored) ([]byte, error),
) ([]byte, bool, error) {
	return q.queue.InsertOnce(ctx, once, readings, answer)
}

// benchReadings makes batch n of a fleet: each sensor sends its own series, and
// no reading is like another of the same fleet.
func benchReadings(fleet string, n int) []reading.Reading {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n/benchClients*benchBatch) * time.Second)
	batch := make([]reading.Reading, benchBatch)
	for i := range batch {
		batch[i] = reading.Reading{
			SensorID: fmt.Sprintf("%s-%d", fleet, n%benchClients), Metric: "temperature",
			Timestamp: start.Add(time.Duration(i) * time.Second), Value: 20 + float64(n*i%997)/100,
		}
	}
	return batch
}

// drive runs all batches on all clients, not faster than a pace (0 for no
// bound), and returns the time of the whole and of each.
func drive(b *testing.B, pace time.Duration, do func(n int) error) (whole time.Duration, each []time.Duration) {
	b.Helper()
	each = make([]time.Duration, benchBatches)
	var next atomic.Int64
	var clients sync.WaitGroup
	start := time.Now()
	for range benchClients {
		clients.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= benchBatches {
					return
				}
				time.Sleep(time.Until(start.Add(time.Duration(n) * pace)))
				began := time.Now()
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
				each[n] = time.Since(began)
			}
		})
	}
	clients.Wait()
	whole = time.Since(start)
	slices.Sort(each)
	return whole, each
}

// BenchmarkIngest compares batches of 100 on 16 connections over HTTP with a
// bare loop of CopyFrom of the same batches on as many connections into the
// same table, and then measures the time of a batch at half that load.
func BenchmarkIngest(b *testing.B) {
	address := pgtest.URL(b)
	w := open(b, address)
	if err := w.Prepare(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Maintain(b.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 0); err != nil {
		b.Fatal(err)
	}
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		b.Fatal(err)
	}
	cfg.MaxConns = benchClients
	pool, err := pgxpool.NewWithConfig(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	queue := ingest.New(w, ingest.Default())
	defer queue.Close()
	server := httptest.NewServer(newAPI(httpapi.Config{Warehouse: queued{w, queue}, Batches: 64}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	bodies := map[string][]string{}
	for _, fleet := range []string{"full", "half"} {
		for n := range benchBatches {
			text, err := json.Marshal(map[string]any{"readings": benchReadings(fleet, n)})
			if err != nil {
				b.Fatal(err)
			}
			bodies[fleet] = append(bodies[fleet], string(text))
		}
	}
	post := func(fleet string) func(n int) error {
		return func(n int) error {
			res, err := client.Post(server.URL+"/v1/readings", "application/json", strings.NewReader(bodies[fleet][n]))
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			text, err := io.ReadAll(res.Body)
			if err == nil && res.StatusCode != http.StatusAccepted {
				err = fmt.Errorf("%s: %s", res.Status, text)
			}
			return err
		}
	}
	for b.Loop() {
		bare, _ := drive(b, 0, func(n int) error {
			batch := benchReadings("bare", n)
			_, err := pool.CopyFrom(b.Context(), pgx.Identifier{"readings"}, []string{"sensor_id", "metric", "ts", "value"},
				pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
					return []any{batch[i].SensorID, batch[i].Metric, batch[i].Timestamp, batch[i].Value}, nil
				}))
			return err
		})
		full, _ := drive(b, 0, post("full"))
		_, each := drive(b, 2*full/benchBatches, post("half"))
		const rows = benchBatch * benchBatches
		b.ReportMetric(rows/bare.Seconds(), "bare-rows/s")
		b.ReportMetric(rows/full.Seconds(), "rows/s")
		b.ReportMetric(bare.Seconds()/full.Seconds(), "of-bare")
		b.ReportMetric(milliseconds(each[len(each)/2]), "half-load-p50-ms")
		b.ReportMetric(milliseconds(each[len(each)*99/100]), "half-load-p99-ms")
		if _, err := pool.Exec(b.Context(), "TRUNCATE readings"); err != nil {
			b.Fatal(err)
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkLatest compares the newest reading of one sensor over the API with
// a bare handler that makes the same query.
func BenchmarkLatest(b *testing.B) {
	address := pgtest.URL(b)
	w := open(b, address)
	if err := w.Prepare(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	for n := range 100 {
		if _, err := w.Insert(b.Context(), benchReadings("fleet", n)); err != nil {
			b.Fatal(err)
		}
	}
	pool, err := pgxpool.New(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading := reading.Reading{SensorID: r.URL.Query().Get("sensor_id")}
		err := pool.QueryRow(r.Context(), "SELECT metric, ts, value FROM readings WHERE sensor_id = $1 ORDER BY ts DESC, metric DESC LIMIT 2",
			reading.SensorID).Scan(&reading.Metric, &reading.Timestamp, &reading.Value)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"readings": []any{reading}})
	}))
	defer bare.Close()
	api := httptest.NewServer(newAPI(httpapi.Config{Warehouse: w}))
	defer api.Close()
	ask := func(server string) time.Duration {
		start := time.Now()
		res, err := http.Get(server + "/v1/readings?sensor_id=fleet-7&order=desc&limit=1")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		return time.Since(start)
	}
	var bares, apis []time.Duration
	for b.Loop() {
		// In turns, so that what else the machine does falls on both.
		bares, apis = append(bares, ask(bare.URL)), append(apis, ask(api.URL))
	}
	slices.Sort(bares)
	slices.Sort(apis)
	half := len(apis) / 2
	b.ReportMetric(milliseconds(apis[half]), "p50-ms")
	b.ReportMetric(milliseconds(apis[len(apis)*99/100]), "p99-ms")
	b.ReportMetric(float64(apis[half])/float64(bares[half]), "of-bare")
}

// served is an API as the program has it, over a database of its own.
func served(b *testing.B) (server *httptest.Server, client *http.Client) {
	b.Helper()
	w := open(b, pgtest.URL(b))
	if err := w.Prepare(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	queue := ingest.New(w, ingest.Default())
	b.Cleanup(queue.Close)
	server = httptest.NewServer(newAPI(httpapi.Config{Warehouse: queued{w, queue}, Batches: 64}))
	b.Cleanup(server.Close)
	return server, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
}

// sendBatch posts a batch that is to be stored.
func sendBatch(client *http.Client, server, key string, batch []reading.Reading) error {
	text, err := json.Marshal(map[string]any{"readings": batch})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, server+"/v1/readings", strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("%s: %s", res.Status, answer)
	}
	return err
}

// BenchmarkIdempotencyKey compares single readings with a key each with those
// without.
func BenchmarkIdempotencyKey(b *testing.B) {
	server, client := served(b)
	single := func(fleet string, round, n int) []reading.Reading {
		return []reading.Reading{{
			SensorID: fmt.Sprintf("%s-%d-%d", fleet, round, n%benchClients), Metric: "temperature",
			Timestamp: time.Date(2026, 3, 1, 0, 0, n, 0, time.UTC), Value: float64(n),
		}}
	}
	round := 0
	for b.Loop() {
		round++
		plain, _ := drive(b, 0, func(n int) error { return sendBatch(client, server.URL, "", single("plain", round, n)) })
		keyed, _ := drive(b, 0, func(n int) error {
			return sendBatch(client, server.URL, fmt.Sprintf("%d-%d", round, n), single("keyed", round, n))
		})
		b.ReportMetric(benchBatches/plain.Seconds(), "plain/s")
		b.ReportMetric(benchBatches/keyed.Seconds(), "keyed/s")
		b.ReportMetric(plain.Seconds()/keyed.Seconds(), "of-plain")
	}
}

// BenchmarkSlowClients measures batches of 100 on 16 connections, at half of what
// the service can do, while clients that hold the first byte of theirs come and go.
func BenchmarkSlowClients(b *testing.B) {
	server, client := served(b)
	address := strings.TrimPrefix(server.URL, "http://")
	fleet := 0
	for b.Loop() {
		fleet++
		full, _ := drive(b, 0, func(n int) error {
			return sendBatch(client, server.URL, "", benchReadings(fmt.Sprintf("f%d", fleet), n))
		})
		_, each := drive(b, 2*full/benchBatches, func(n int) error {
			if n%100 == 0 {
				slow, err := net.Dial("tcp", address)
				if err != nil {
					return err
				}
				b.Cleanup(func() { _ = slow.Close() })
				if _, err := io.WriteString(slow, "POST /v1/readings HTTP/1.1\r\nHost: api\r\nContent-Length: 9000\r\n\r\n{"); err != nil {
					return err
				}
			}
			return sendBatch(client, server.URL, "", benchReadings(fmt.Sprintf("h%d", fleet), n))
		})
		b.ReportMetric(milliseconds(each[len(each)/2]), "p50-ms")
		b.ReportMetric(milliseconds(each[len(each)*99/100]), "p99-ms")
	}
}

// BenchmarkMillion asks for the buckets that the page draws of a series of a million
// readings, one a second: of all of it, and of an hour in it.
func BenchmarkMillion(b *testing.B) {
	const million = 1_000_000
	w := open(b, pgtest.URL(b))
	if err := w.Prepare(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	start := now.Add(-million * time.Second)
	for first := 0; first < million; first += 20_000 {
		batch := make([]reading.Reading, 20_000)
		for i := range batch {
			batch[i] = reading.Reading{SensorID: "a", Metric: "m", Timestamp: start.Add(time.Duration(first+i) * time.Second), Value: float64(i % 997)}
		}
		if _, err := w.Insert(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	api := newAPI(httpapi.Config{Warehouse: w})
	for name, span := range map[string]time.Duration{"all": million * time.Second, "hour": time.Hour} {
		b.Run(name, func(b *testing.B) {
			query := fmt.Sprintf("/v1/buckets?sensor_id=a&metric=m&from=%s&to=%s&bucket=%ds",
				now.Add(-span).Format(time.RFC3339), now.Format(time.RFC3339), int(span/time.Second/300)+1)
			for b.Loop() {
				answer := httptest.NewRecorder()
				api.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, query, nil))
				if answer.Code != http.StatusOK {
					b.Fatal(answer.Code, answer.Body)
				}
				b.ReportMetric(float64(answer.Body.Len()), "B")
			}
		})
	}
}
