package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t testing.TB, address string) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.Open(t.Context(), address, warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func batchOf(sensor string, n int) string {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"sensor_id":%q,"metric":"value","timestamp":%q,"value":%d}`,
			sensor, start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), i)
	}
	return `{"readings":[` + strings.Join(lines, ",") + `]}`
}

// TestPostAndQuery goes the way of a client: post, post again, read page by page.
func TestPostAndQuery(t *testing.T) {
	t.Parallel()
	w := open(t, pgtest.URL(t))
	api := newAPI(httpapi.Config{Warehouse: w})

	wantProblem(t, get(t, api, "/readyz"), http.StatusServiceUnavailable)
	wantProblem(t, post(t, api, batchOf("boiler", 1)), http.StatusServiceUnavailable)
	if err := w.Prepare(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := get(t, api, "/readyz"); got.status != http.StatusOK {
		t.Fatalf("readyz: %d %s", got.status, got.body)
	}

	for _, want := range []string{`{"accepted":250,"duplicates":0,"rejected":0}`, `{"accepted":0,"duplicates":250,"rejected":0,"items":[`} {
		got := post(t, api, batchOf("boiler 7+8", 250))
		if got.status != http.StatusAccepted || !strings.HasPrefix(got.body, want) {
			t.Fatalf("got %d %s, want %s", got.status, got.body, want)
		}
	}

	query := url.Values{"sensor_id": {"boiler 7+8"}, "metric": {"value"}, "from": {"2026-03-01T00:10:00Z"}, "to": {"2026-03-01 04:00:00"}, "limit": {"100"}}
	var values []float64
	for pages := 1; ; pages++ {
		var page struct {
			Readings   []reading.Reading
			NextCursor string `json:"next_cursor"`
		}
		got := get(t, api, "/v1/readings?"+query.Encode())
		got.decode(t, &page)
		if got.status != http.StatusOK {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		for _, r := range page.Readings {
			values = append(values, r.Value)
		}
		if page.NextCursor == "" {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	if len(values) != 230 || values[0] != 10 || values[229] != 239 {
		t.Errorf("%d values from %v to %v", len(values), values[0], values[len(values)-1])
	}
}

// TestHugeBodyOverTheWire sees what a client sees: the answer, not a broken
// connection.
func TestHugeBodyOverTheWire(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}))
	t.Cleanup(server.Close)
	body := strings.NewReader(strings.Repeat(" ", 100<<20))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/readings", body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %s", res.Status)
	}
}
