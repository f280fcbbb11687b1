package warehouse_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// onBoth runs a check with the statements of either database.
func onBoth(t *testing.T, check func(t *testing.T, w *warehouse.Warehouse)) {
	t.Helper()
	for _, redshift := range []bool{false, true} {
		t.Run(fmt.Sprintf("Redshift %t", redshift), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			w := migratedAt(t, url)
			// Filled as PostgreSQL, which has the table of series.
			mustInsert(t, w, append(some("boiler", "b", 100), some("boiler", "a", 10)...))
			mustInsert(t, w, append(some("other", "a", 1), some("boiler2", "a", 2)...))
			if redshift {
				w, _ = asRedshift(t, url)
			}
			check(t, w)
		})
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *warehouse.Warehouse) {
		t.Helper()
		q := warehouse.BucketQuery{SensorID: "boiler", Metric: "b", From: start.Add(5 * time.Second), To: start.Add(65 * time.Second), Width: 30 * time.Second}
		got, err := w.Buckets(t.Context(), q)
		want := []warehouse.Bucket{
			{start, 17, 5, 29, 25, 29},
			{start.Add(30 * time.Second), 44.5, 30, 59, 30, 59},
			{start.Add(60 * time.Second), 62, 60, 64, 5, 64},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
		q.SensorID = "unknown"
		if got, err := w.Buckets(t.Context(), q); err != nil || len(got) != 0 {
			t.Errorf("unknown sensor: %v, %v", got, err)
		}
	})
}

func TestBucketsOverflow(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	huge := some("a", "m", 3)
	for i := range huge {
		huge[i].Value = math.MaxFloat64
	}
	mustInsert(t, w, huge)
	_, err := w.Buckets(t.Context(), warehouse.BucketQuery{SensorID: "a", Metric: "m", From: start, To: start.Add(time.Hour), Width: time.Minute})
	if !errors.Is(err, warehouse.ErrOverflow) {
		t.Errorf("got %v, want ErrOverflow", err)
	}
}

func TestSensors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *warehouse.Warehouse) {
		t.Helper()
		tests := map[string]struct {
			query warehouse.SensorQuery
			want  []string
			next  string
		}{
			"all":             {warehouse.SensorQuery{Limit: 3}, []string{"boiler", "boiler2", "other"}, ""},
			"first page":      {warehouse.SensorQuery{Limit: 2}, []string{"boiler", "boiler2"}, "boiler2"},
			"second page":     {warehouse.SensorQuery{Limit: 2, After: "boiler2"}, []string{"other"}, ""},
			"prefix":          {warehouse.SensorQuery{Limit: 5, Prefix: "boi"}, []string{"boiler", "boiler2"}, ""},
			"prefix, further": {warehouse.SensorQuery{Limit: 5, Prefix: "boi", After: "boiler"}, []string{"boiler2"}, ""},
			"none":            {warehouse.SensorQuery{Limit: 5, Prefix: "z"}, nil, ""},
		}
		for name, test := range tests {
			page, err := w.Sensors(t.Context(), test.query)
			var got []string
			for _, s := range page.Sensors {
				got = append(got, s.ID)
			}
			if err != nil || !reflect.DeepEqual(got, test.want) || page.Next != test.next {
				t.Errorf("%s: %v, next %q, %v; want %v, %q", name, got, page.Next, err, test.want, test.next)
			}
		}
		page, err := w.Sensors(t.Context(), warehouse.SensorQuery{Limit: 1})
		want := []warehouse.Metric{{"a", start.Add(9 * time.Second), 9}, {"b", start.Add(99 * time.Second), 99}}
		if err != nil || len(page.Sensors) != 1 || !reflect.DeepEqual(page.Sensors[0].Metrics, want) {
			t.Errorf("metrics %+v, %v, want %v", page.Sensors, err, want)
		}
	})
}

func TestInsertOnce(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	post := func(key, request string, readings []reading.Reading) (string, bool, error) {
		kept, replayed, err := w.InsertOnce(t.Context(), warehouse.Once{Key: key, Request: []byte(request)}, readings,
			func(s warehouse.Stored) ([]byte, error) { return fmt.Appendf(nil, "%d new", s.New), nil })
		return string(kept), replayed, err
	}
	for _, size := range []int{3, 1500} {
		key := fmt.Sprint("k", size)
		batch := some(key, "m", size)
		want := fmt.Sprintf("%d new", size)
		if got, replayed, err := post(key, "r", batch); got != want || replayed || err != nil {
			t.Errorf("first: %q, %t, %v", got, replayed, err)
		}
		if got, replayed, err := post(key, "r", batch); got != want || !replayed || err != nil {
			t.Errorf("again: %q, %t, %v", got, replayed, err)
		}
		if _, _, err := post(key, "other", batch); !errors.Is(err, warehouse.ErrKeyReused) {
			t.Errorf("another request: %v, want ErrKeyReused", err)
		}
	}
	refused := errors.New("refused")
	_, _, err := w.InsertOnce(t.Context(), warehouse.Once{Key: "f", Request: []byte("r")}, some("f", "m", 1), func(warehouse.Stored) ([]byte, error) { return nil, refused })
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if got, replayed, err := post("f", "r", some("f", "m", 1)); got != "1 new" || replayed || err != nil {
		t.Errorf("after a failure: %q, %t, %v; want nothing kept of it", got, replayed, err)
	}
}
