package httpapi

import (
	"bytes"
	"testing"
	"time"

	"sensor-backend/services/internal/warehouse"
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	want := warehouse.Position{Timestamp: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Metric: "temp.c"}
	got, err := decodeCursor(encodeCursor(want))
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(warehouse.Position{Timestamp: time.Unix(1e9, 0), Metric: "value"}))
	f.Add("e30")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		position, err := decodeCursor(text)
		if err != nil {
			return
		}
		if again := encodeCursor(position); again != text {
			t.Errorf("%q and %q are one position", text, again)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"readings":[{"sensor_id":"a","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":1}]}`))
	f.Add([]byte(`{"readings":[],"readings":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := decodeBatch(bytes.NewReader(body))
		if (err == nil) != (len(batch) > 0) {
			t.Fatalf("%d readings with the error %v", len(batch), err)
		}
		for _, r := range batch {
			if r.Validate() != nil {
				t.Errorf("the invalid reading %+v", r)
			}
		}
		if err == nil {
			if _, _, _, err := inboxObject(batch); err != nil {
				t.Error(err)
			}
		}
	})
}
