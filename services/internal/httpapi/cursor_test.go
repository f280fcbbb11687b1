package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/warehouse"
)

// position reads a cursor as a request brings it.
func position(text string) (*warehouse.Position, error) {
	req := httptest.NewRequest(http.MethodGet, "/?"+url.Values{"cursor": {text}}.Encode(), nil)
	return positionParam(echo.New().NewContext(req, nil))
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	want := warehouse.Position{Timestamp: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Metric: "temp.c"}
	for _, text := range []string{positionCursor(want), "2026-03-01T12:00:00.123456Z,temp.c"} {
		if got, err := position(text); err != nil || got == nil || *got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	if got, err := position(""); got != nil || err != nil {
		t.Errorf("the start: %+v, %v", got, err)
	}
}

func TestCursorOfAnotherList(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		encodeCursor(sensorsList, "a"), encodeCursor(objectsList, "1", "m"), encodeCursor(readingsList, "1"), encodeCursor(readingsList, "1", ""),
		encodeCursor(readingsList, "01", "m"), encodeCursor(readingsList, "1e3", "m"), encodeCursor(readingsList, "1", "a b"), encodeCursor(readingsList, "9999999999999999", "m"),
		"2026-03-01,m", "2026-03-01T12:00:00Z,", ",m", "e30", "bnVsbA",
	} {
		if got, err := position(text); err == nil {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(positionCursor(warehouse.Position{Timestamp: time.Unix(1e9, 0), Metric: "value"}))
	f.Add("2026-03-01T12:00:00Z,value")
	f.Add(encodeCursor(sensorsList, "a"))
	f.Add("e30")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		for _, of := range []list{readingsList, sensorsList, objectsList} {
			for parts := range 3 {
				if decoded, ok := decodeCursor(of, text, parts); ok && encodeCursor(of, decoded...) != text {
					t.Errorf("%q and %q are one place", text, encodeCursor(of, decoded...))
				}
			}
		}
		if p, err := position(text); err == nil && p != nil && p.Metric == "" {
			t.Errorf("%q has no metric", text)
		}
	})
}
