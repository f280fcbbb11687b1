package warehouse_test

import (
	"errors"
	"fmt"
	"testing"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// TestInsertEach has requests of one transaction in every state that there is:
// new, repeated, repeated within the call, with the key of another, and with
// readings that were stored under none.
func TestInsertEach(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	request := func(key, digest, sensor string, n int) warehouse.Request {
		return warehouse.Request{
			Once: warehouse.Once{Key: key, Request: []byte(digest)}, Readings: some(sensor, "m", n),
			Answer: func(s warehouse.Stored) ([]byte, error) {
				return fmt.Appendf(nil, "%d new, %d not", s.New, len(s.Duplicates)), nil
			},
		}
	}
	check := func(requests []warehouse.Request, want ...string) {
		t.Helper()
		kept, err := w.InsertEach(t.Context(), requests)
		if err != nil || len(kept) != len(want) {
			t.Fatalf("%d kept, %v", len(kept), err)
		}
		for i, k := range kept {
			got := fmt.Sprintf("%s, again: %t", k.Answer, k.Replayed)
			if errors.Is(k.Err, warehouse.ErrKeyReused) {
				got = "reused"
			}
			if got != want[i] {
				t.Errorf("%d: %s, want %s", i, got, want[i])
			}
		}
	}
	check([]warehouse.Request{request("z", "1", "a", 2), request("y", "1", "b", 3)}, "2 new, 0 not, again: false", "3 new, 0 not, again: false")
	mustInsert(t, w, some("c", "m", 1))
	check([]warehouse.Request{
		request("z", "1", "a", 2),
		request("x", "1", "c", 3),
		request("y", "other", "b", 3),
		request("w", "1", "d", 2),
		request("w", "1", "d", 2),
		request("w", "other", "e", 2),
		request("v", "1", "d", 3), // in the order of the keys it comes before w
	}, "2 new, 0 not, again: true", "2 new, 1 not, again: false", "reused", "0 new, 2 not, again: false", "0 new, 2 not, again: true", "reused", "3 new, 0 not, again: false")
	check([]warehouse.Request{request("u", "1", "f", 1500), request("t", "1", "f", 2)}, "1498 new, 2 not, again: false", "2 new, 0 not, again: false")
	if page, err := w.Select(t.Context(), warehouse.Query{SensorID: "e", Limit: 1}); err != nil || len(page.Readings) != 0 {
		t.Errorf("a refused request is stored: %+v, %v", page, err)
	}
	bad := request("s", "1", "g", 1)
	bad.Readings = append(bad.Readings, reading.Reading{SensorID: "g\x00", Metric: "m", Timestamp: start})
	if _, err := w.InsertEach(t.Context(), []warehouse.Request{request("r", "1", "h", 1), bad}); err == nil {
		t.Error("a reading that the database refuses was stored")
	}
	check([]warehouse.Request{request("r", "1", "h", 1)}, "1 new, 0 not, again: false")
}
