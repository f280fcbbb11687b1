package warehouse_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// bucket is where batches are staged. It loads them as COPY does.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	err     error
}

func (b *bucket) Put(_ context.Context, key, contentType string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if contentType != "application/gzip" {
		return errors.New("not gzip: " + contentType)
	}
	b.objects[key] = bytes.Clone(body)
	return b.err
}

func (b *bucket) load(ctx context.Context, tx pgx.Tx, key string) error {
	b.mu.Lock()
	body, ok := b.objects[key]
	b.mu.Unlock()
	if !ok {
		return fmt.Errorf("the specified S3 prefix %q does not exist", key)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	records, err := csv.NewReader(unpacked).ReadAll()
	if err != nil {
		return err
	}
	var rows pgx.Batch
	for _, r := range records {
		// The server reads the texts, as COPY would.
		rows.Queue("INSERT INTO offered (sensor_id, ts, metric, value) VALUES ($1, $2::text::timestamptz, $3, $4::text::float8)", r[0], r[1], r[2], r[3])
	}
	return tx.SendBatch(ctx, &rows).Close()
}

// asRedshift speaks to a migrated PostgreSQL as to a Redshift.
func asRedshift(t *testing.T, url string) (*warehouse.Warehouse, *bucket) {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}}
	staging := warehouse.Staging{Bucket: "bucket", Objects: b, Role: "role"}
	w, err := warehouse.OpenAsRedshift(t.Context(), url, staging, b.load)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, b
}

// redshift is an empty one: as there, nothing keeps a reading from being in the
// table twice.
func redshift(t *testing.T) (*warehouse.Warehouse, *bucket) {
	t.Helper()
	url := pgtest.URL(t)
	w := migratedAt(t, url)
	for _, statement := range []string{
		"DROP TABLE readings, series, idempotency_keys",
		"CREATE TABLE readings (sensor_id varchar(128) NOT NULL, ts timestamptz NOT NULL, metric varchar(64) NOT NULL, value double precision NOT NULL)",
		"CREATE TABLE ingest_turn (nothing integer)",
	} {
		if err := w.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return asRedshift(t, url)
}

func TestRedshiftKeepsTheFirstValue(t *testing.T) {
	t.Parallel()
	w, b := redshift(t)
	values := []float64{0, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, 1.0 / 3}
	var batch []reading.Reading
	for i, v := range values {
		batch = append(batch, reading.Reading{
			SensorID: "a b+c:7@x", Metric: "value", Timestamp: start.Add(time.Duration(i) * time.Microsecond), Value: v,
		})
	}
	mustInsert(t, w, batch)
	changed := slices.Clone(batch)
	changed[0].Value = 99
	mustInsert(t, w, changed)
	page, err := w.Select(t.Context(), warehouse.Query{SensorID: "a b+c:7@x", Limit: 100})
	if err != nil || !slices.Equal(page.Readings, batch) {
		t.Errorf("got %+v, %v", page, err)
	}
	// The same batch is the same object.
	mustInsert(t, w, batch)
	if keys := slices.Collect(maps.Keys(b.objects)); len(keys) != 2 || !strings.HasPrefix(keys[0], "staging/") {
		t.Errorf("objects %v", keys)
	}
}

func TestRedshiftStagingFails(t *testing.T) {
	t.Parallel()
	w, b := redshift(t)
	b.err = errors.New("slow down")
	if _, err := w.Insert(t.Context(), some("a", "m", 1)); !errors.Is(err, warehouse.ErrUnavailable) || !errors.Is(err, b.err) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	b.err = nil
	mustInsert(t, w, some("a", "m", 1))
}

func TestRedshiftCopyStatement(t *testing.T) {
	t.Parallel()
	s := warehouse.Staging{Bucket: "b", Role: "arn:aws:iam::111122223333:role/o'b"}
	const want = `COPY offered (sensor_id, ts, metric, value) FROM 's3://b/staging/k.csv.gz' IAM_ROLE 'arn:aws:iam::111122223333:role/o''b'` +
		` FORMAT CSV GZIP TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF`
	if got := s.CopyStatement("staging/k.csv.gz"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRedshiftIsNotPostgres has settings for the one lead to the other.
func TestRedshiftIsNotPostgres(t *testing.T) {
	t.Parallel()
	w, err := warehouse.Open(t.Context(), pgtest.URL(t), warehouse.Options{Staging: &warehouse.Staging{Bucket: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Prepare(t.Context(), true); err == nil || !strings.Contains(err.Error(), "unset REDSHIFT_STAGING_BUCKET") {
		t.Errorf("got %v", err)
	}
}
