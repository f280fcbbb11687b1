package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/generate"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// filled is an API over a warehouse with 2500 readings of a machine, every
// minute up to now, with labelled anomalies.
func filled(t testing.TB) (api *httpapi.API, labels []time.Time) {
	t.Helper()
	w := open(t, pgtest.URL(t))
	if err := w.Prepare(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	const count = 2500
	var batch []reading.Reading
	for _, p := range generate.Points(generate.Options{Seed: 3, Count: count, Interval: time.Minute, Start: now.Add(-count * time.Minute)}) {
		batch = append(batch, reading.Reading{SensorID: "machine 1", Metric: "temperature", Timestamp: p.Time, Value: p.Value})
		if p.Label != "" {
			labels = append(labels, p.Time)
		}
	}
	if _, err := w.Insert(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return newAPI(httpapi.Config{Warehouse: w}), labels
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	api, labels := filled(t)
	const series = "sensor_id=machine+1&metric=temperature"

	t.Run("newest first", func(t *testing.T) {
		t.Parallel()
		var page struct{ Readings []reading.Reading }
		get(t, api, "/v1/readings?"+series+"&order=desc&limit=1").decode(t, &page)
		if len(page.Readings) != 1 || !page.Readings[0].Timestamp.Equal(now.Add(-time.Minute)) {
			t.Errorf("got %+v", page)
		}
	})
	t.Run("CSV", func(t *testing.T) {
		t.Parallel()
		for query, want := range map[string]int{"": 2500, "&limit=7": 7, "&limit=1000": 1000, "&from=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)): 60} {
			got := get(t, api, "/v1/readings?"+series+"&format=csv"+query)
			lines := strings.Split(strings.TrimSpace(got.body), "\n")
			if got.status != http.StatusOK || len(lines) != want+1 || lines[0] != "sensor_id,metric,timestamp,value" ||
				!strings.HasPrefix(lines[1], "machine 1,temperature,2026-02-") && want != 60 {
				t.Errorf("%s: %d, %d lines, want %d: %.200s", query, got.status, len(lines), want+1, got.body)
			}
			if !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
				t.Errorf("content type %s", got.header.Get("Content-Type"))
			}
		}
	})
	t.Run("buckets", func(t *testing.T) {
		t.Parallel()
		var answer struct {
			Buckets []warehouse.Bucket
		}
		get(t, api, "/v1/buckets?"+series+"&bucket=1h").decode(t, &answer)
		if len(answer.Buckets) != 24 || answer.Buckets[0].Count != 60 || !answer.Buckets[0].Start.Equal(now.Add(-24*time.Hour)) {
			t.Errorf("got %+v", answer)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/buckets?"+series+"&bucket=12h", nil)
		req.Header.Set("Accept", "text/csv, */*;q=0.1")
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, req)
		if lines := strings.Count(rec.Body.String(), "\n"); rec.Code != http.StatusOK || lines != 3 {
			t.Errorf("%d, %d lines of CSV, want 3: %s", rec.Code, lines, rec.Body)
		}
	})
	t.Run("sensors", func(t *testing.T) {
		t.Parallel()
		got := get(t, api, "/v1/sensors?prefix=machine+")
		want := fmt.Sprintf(`{"sensors":[{"sensor_id":"machine 1","metrics":[{"metric":"temperature","last_timestamp":%q,"last_value":`, now.Add(-time.Minute).Format(time.RFC3339))
		if !strings.HasPrefix(got.body, want) {
			t.Errorf("got %s, want %s", got.body, want)
		}
	})
	t.Run("anomalies", func(t *testing.T) {
		t.Parallel()
		var answer struct {
			Anomalies []struct {
				Timestamp time.Time
				Score     float64
			}
		}
		// The last labelled one lies in the range, what the detector learns
		// from before it.
		last := labels[len(labels)-1]
		get(t, api, "/v1/anomalies?"+series+"&from="+url.QueryEscape(last.Add(-time.Hour).Format(time.RFC3339))).decode(t, &answer)
		if len(answer.Anomalies) == 0 || !answer.Anomalies[0].Timestamp.Equal(last) || answer.Anomalies[0].Score <= 0 {
			t.Errorf("got %+v, want %s", answer, last)
		}
	})
}

// TestABrokenStreamDoesNotLookFinished has the database fail behind the first
// page.
func TestABrokenStreamDoesNotLookFinished(t *testing.T) {
	t.Parallel()
	w := &fakeWarehouse{pages: func(q warehouse.Query) (warehouse.Page, error) {
		if q.After != nil {
			return warehouse.Page{}, warehouse.ErrUnavailable
		}
		next := warehouse.Position{Timestamp: now, Metric: "m"}
		return warehouse.Page{Readings: []reading.Reading{{SensorID: "a", Metric: "m", Timestamp: now}}, Next: &next}, nil
	}}
	server := httptest.NewServer(newAPI(httpapi.Config{Warehouse: w}))
	t.Cleanup(server.Close)
	res, err := http.Get(server.URL + "/v1/readings?sensor_id=a&format=csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var sink strings.Builder
	if _, err := io.Copy(&sink, res.Body); err == nil {
		t.Errorf("read to its end: %q", sink.String())
	}
}
