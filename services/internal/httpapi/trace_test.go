package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/ingest"
	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/tracing/tracetest"
	"sensor-backend/services/internal/warehouse"
)

// TestTrace follows a batch and a query from the client's own span to the
// statements of the database.
func TestTrace(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	tracer := collector.Tracer(t)
	w, err := warehouse.Open(t.Context(), pgtest.URL(t), warehouse.Options{Tracer: tracer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Prepare(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	queue := ingest.New(w, ingest.Options{Writers: 1, Group: 100, Timeout: time.Minute, Tracer: tracer})
	t.Cleanup(queue.Close)
	var log bytes.Buffer
	api := newAPI(httpapi.Config{Warehouse: queued{w, queue}, Tracer: tracer, Log: slog.New(slog.NewJSONHandler(&log, nil))})

	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", strings.NewReader(batchOf("boiler", 3)))
	req.Header.Set("Traceparent", "00-"+trace+"-"+caller+"-01")
	rec := httptest.NewRecorder()
	if api.ServeHTTP(rec, req); rec.Code != http.StatusAccepted {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	get(t, api, "/readyz")
	get(t, api, "/v1/objects/none")
	spans := collector.Spans(tracer)
	below := map[string]string{
		"POST /v1/readings": "", "wait for a writer": "POST /v1/readings", "commit batch": "POST /v1/readings", "BATCH": "commit batch",
	}
	for name, parent := range below {
		want := caller
		if parent != "" {
			want = spans[parent].ID
		}
		if got := spans[name]; got.Trace != trace || got.Parent != want || got.Failure != "" {
			t.Errorf("%s: %+v, want the parent %s", name, got, want)
		}
	}
	if got := spans["POST /v1/readings"]; got.Kind != "SPAN_KIND_SERVER" || got.Texts["http.route"] != "/v1/readings" || got.Counts["http.response.status_code"] != 202 {
		t.Errorf("%+v", got)
	}
	if got := spans["commit batch"]; got.Counts["readings"] != 3 || got.Counts["batches"] != 1 {
		t.Errorf("%+v", got)
	}
	if got := spans["BATCH"]; got.Kind != "SPAN_KIND_CLIENT" || !strings.Contains(got.Texts["db.query.text"], "INSERT INTO readings") || strings.Contains(got.Texts["db.query.text"], "boiler") {
		t.Errorf("%+v", got)
	}
	if got := spans["GET /v1/objects/*"]; got.Failure != "failed: Not Implemented" || got.Parent != "" || got.Texts["url.path"] != "/v1/objects/none" {
		t.Errorf("%+v", got)
	}
	// The probe and the migration are in no trace, all that the batch needed is.
	for name, s := range spans {
		if s.Trace != trace && name != "GET /v1/objects/*" {
			t.Errorf("%s is in a trace of its own", name)
		}
	}
	if !strings.Contains(log.String(), `"trace_id":"`+trace+`"`) {
		t.Errorf("log %s", log.String())
	}
}
