package httpapi

import (
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
