package warehouse_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func open(t *testing.T, url string) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.Open(t.Context(), url, warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func migrated(t *testing.T) *warehouse.Warehouse {
	t.Helper()
	return migratedAt(t, pgtest.URL(t))
}

func migratedAt(t *testing.T, url string) *warehouse.Warehouse {
	t.Helper()
	w := open(t, url)
	if err := w.Prepare(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return w
}

func some(sensor, metric string, n int) []reading.Reading {
	readings := make([]reading.Reading, n)
	for i := range readings {
		readings[i] = reading.Reading{
			SensorID: sensor, Metric: metric,
			Timestamp: start.Add(time.Duration(i) * time.Second), Value: float64(i),
		}
	}
	return readings
}

func mustInsert(t *testing.T, w *warehouse.Warehouse, readings []reading.Reading) {
	t.Helper()
	if _, err := w.Insert(t.Context(), readings); err != nil {
		t.Fatal(err)
	}
}

func TestInsertIsIdempotent(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		checkIdempotent(t, migrated(t))
	})
	t.Run("Redshift", func(t *testing.T) {
		t.Parallel()
		w, _ := redshift(t)
		checkIdempotent(t, w)
	})
}

func checkIdempotent(t *testing.T, w *warehouse.Warehouse) {
	t.Helper()
	places := func(from, to int) (p []int) {
		for i := from; i < to; i++ {
			p = append(p, i)
		}
		return p
	}
	batch := some("boiler", "value", 1234)
	steps := []struct {
		name       string
		batch      []reading.Reading
		stored     int
		duplicates []int
	}{
		{"first", batch, 1234, nil},
		{"again", batch, 0, places(0, 1234)},
		{"half of it new", append(batch[:600:600], some("boiler", "pressure", 600)...), 600, places(0, 600)},
		{"few, one known", append(some("boiler", "other", 2), batch[7]), 2, []int{2}},
		{"twice in one batch", append(some("other", "value", 3), some("other", "value", 3)...), 3, places(3, 6)},
		{"none", nil, 0, nil},
	}
	for _, step := range steps {
		got, err := w.Insert(t.Context(), step.batch)
		if err != nil || got.New != step.stored || !slices.Equal(got.Duplicates, step.duplicates) {
			t.Fatalf("%s: stored %+v, error %v, want %d new and duplicates %v", step.name, got, err, step.stored, step.duplicates)
		}
	}
}

func TestFirstValueWins(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	r := some("boiler", "value", 1)
	mustInsert(t, w, r)
	r[0].Value = 99
	mustInsert(t, w, r)
	page, err := w.Select(t.Context(), warehouse.Query{SensorID: "boiler", Limit: 10})
	if err != nil || len(page.Readings) != 1 || page.Readings[0].Value != 0 {
		t.Fatalf("got %+v, %v", page, err)
	}
}

// TestInsertInParallel has every writer store the same readings, so that they
// meet between looking and writing.
func TestInsertInParallel(t *testing.T) {
	t.Parallel()
	for _, size := range []int{500, 1500} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			checkParallel(t, migrated(t), some("boiler", "value", size))
		})
	}
	t.Run("Redshift", func(t *testing.T) {
		t.Parallel()
		w, _ := redshift(t)
		checkParallel(t, w, some("boiler", "value", 500))
	})
}

func checkParallel(t *testing.T, w *warehouse.Warehouse, batch []reading.Reading) {
	t.Helper()
	const writers = 4
	counts := make([]int, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			stored, err := w.Insert(t.Context(), batch)
			if err != nil {
				t.Error(err)
			}
			counts[i] = stored.New
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	if total != len(batch) {
		t.Errorf("the writers counted %v new readings, want %d together", counts, len(batch))
	}
}

func TestValuesSurvive(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	values := []float64{0, -1.5, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1.0 / 3}
	var batch []reading.Reading
	for i, v := range values {
		batch = append(batch, reading.Reading{
			SensorID: "a b+c", Metric: "value", Timestamp: start.Add(time.Duration(i) * time.Microsecond), Value: v,
		})
	}
	mustInsert(t, w, batch)
	page, err := w.Select(t.Context(), warehouse.Query{SensorID: "a b+c", Limit: 100})
	if err != nil || len(page.Readings) != len(batch) {
		t.Fatalf("got %+v, %v", page, err)
	}
	for i := range batch {
		if page.Readings[i] != batch[i] {
			t.Errorf("got %+v, want %+v", page.Readings[i], batch[i])
		}
	}
}

func TestSelectPages(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	// Two metrics share every timestamp, so that pages end between them.
	mustInsert(t, w, append(some("boiler", "a", 25), some("boiler", "b", 25)...))
	mustInsert(t, w, some("other", "a", 25))
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		query warehouse.Query
		want  int
	}{
		{warehouse.Query{SensorID: "boiler"}, 50},
		{warehouse.Query{SensorID: "boiler", Metric: "b"}, 25},
		{warehouse.Query{SensorID: "boiler", From: at(5)}, 40},
		{warehouse.Query{SensorID: "boiler", To: at(5)}, 10},
		{warehouse.Query{SensorID: "boiler", Metric: "a", From: at(5), To: at(6)}, 1},
		{warehouse.Query{SensorID: "boiler", From: at(100)}, 0},
		{warehouse.Query{SensorID: "boiler", Newest: true}, 50},
		{warehouse.Query{SensorID: "boiler", Metric: "b", From: at(5), Newest: true}, 20},
		{warehouse.Query{SensorID: "unknown"}, 0},
	}
	for _, test := range tests {
		for _, limit := range []int{1, 7, 25, 50, 1000} {
			t.Run(fmt.Sprintf("%+v by %d", test.query, limit), func(t *testing.T) {
				t.Parallel()
				checkPages(t, w, test.query, limit, test.want)
			})
		}
	}
}

func compare(a, b reading.Reading) int {
	return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Metric, b.Metric))
}

func checkPages(t *testing.T, w *warehouse.Warehouse, q warehouse.Query, limit, want int) {
	t.Helper()
	q.Limit = limit
	seen := map[reading.Key]bool{}
	var last *reading.Reading
	for {
		page, err := w.Select(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Readings) > limit {
			t.Fatalf("a page of %d, limit %d", len(page.Readings), limit)
		}
		for _, r := range page.Readings {
			if seen[r.Key()] {
				t.Fatalf("%+v came twice", r)
			}
			seen[r.Key()] = true
			if last != nil && (compare(*last, r) < 0) == q.Newest {
				t.Fatalf("%+v came behind %+v", r, last)
			}
			last = &r
		}
		if page.Next == nil {
			break
		}
		q.After = page.Next
	}
	if len(seen) != want {
		t.Errorf("got %d readings, want %d", len(seen), want)
	}
}

func TestMigrateInParallel(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for range 3 {
		w := open(t, url)
		wg.Go(func() {
			if err := w.Prepare(t.Context(), true); err != nil {
				t.Error(err)
			}
			if err := w.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	t.Run("not migrated", func(t *testing.T) {
		t.Parallel()
		w := open(t, pgtest.URL(t))
		_, insertErr := w.Insert(t.Context(), some("a", "b", 1))
		_, selectErr := w.Select(t.Context(), warehouse.Query{SensorID: "a", Limit: 1})
		for _, err := range []error{insertErr, selectErr, w.Ready(t.Context())} {
			if !errors.Is(err, warehouse.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		w := open(t, "postgres://nobody@127.0.0.1:1/none")
		if err := w.Prepare(t.Context(), true); !errors.Is(err, warehouse.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.KeepPreparing(ctx, slog.New(slog.DiscardHandler), true)
	})
}

func TestOpenRefusesNonsenseWithoutThePassword(t *testing.T) {
	t.Parallel()
	_, err := warehouse.Open(t.Context(), "postgres://user:hunter2@host:notaport/db", warehouse.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in %q", err)
	}
}

// TestServesAtOnceBehindAMigration has two processes on a database that a third one
// migrates: neither waits for its next look at the schema.
func TestServesAtOnceBehindAMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	open := func() *warehouse.Warehouse {
		w, err := warehouse.Open(t.Context(), url, warehouse.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		return w
	}
	first, second := open(), open()
	one := []reading.Reading{{SensorID: "s", Metric: "m", Timestamp: time.Now().UTC().Truncate(time.Microsecond), Value: 1}}
	if _, err := first.Insert(t.Context(), one); !errors.Is(err, warehouse.ErrUnavailable) {
		t.Fatalf("before the migration: %v, want it to be unavailable", err)
	}
	if _, err := open().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Ready(t.Context()); err != nil {
		t.Errorf("the second is not ready: %v", err)
	}
	if stored, err := first.Insert(t.Context(), one); err != nil || stored.New != 1 {
		t.Errorf("behind the migration: %+v, %v", stored, err)
	}
}
