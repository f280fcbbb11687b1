package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/services/internal/tracing"
	"sensor-backend/services/internal/tracing/tracetest"
)

func TestSpansArrive(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	tracer := collector.Tracer(t)
	ctx := tracer.FromHeader(t.Context(), http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	ctx, outer := tracer.Start(ctx, tracing.Server, "outer")
	_, inner := tracer.StartInside(ctx, tracing.Client, "inner")
	inner.Text("text", "ä\x00<")
	inner.Count("count", 1<<40)
	inner.Fail(errors.New("oops"))
	time.Sleep(time.Millisecond)
	inner.End()
	outer.Fail(nil)
	outer.End()

	spans := collector.Spans(tracer)
	if got := spans["outer"]; got.Trace != "4bf92f3577b34da6a3ce929d0e0e4736" || got.Parent != "00f067aa0ba902b7" || got.Kind != "SPAN_KIND_SERVER" || got.Failure != "" {
		t.Errorf("outer: %+v", got)
	}
	got := spans["inner"]
	if got.Trace != spans["outer"].Trace || got.Parent != spans["outer"].ID || got.Kind != "SPAN_KIND_CLIENT" || got.Nanoseconds < 1e6 {
		t.Errorf("inner: %+v", got)
	}
	if got.Texts["text"] != "ä\x00<" || got.Counts["count"] != 1<<40 || got.Failure != "failed: oops" {
		t.Errorf("inner: %+v", got)
	}
	if id := tracing.ID(ctx); id != got.Trace {
		t.Errorf("the context's trace is %q", id)
	}
	resource, header := collector.From()
	if resource["service.name"] != "test" || resource["service.version"] != "1.2" || header.Get("Authorization") != "Bearer k" {
		t.Errorf("sent from %v with %v", resource, header)
	}
}

func TestFromXRay(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	tracer := collector.Tracer(t)
	ctx := tracer.FromXRay(t.Context(), "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0")
	_, span := tracer.Start(ctx, tracing.Consumer, "file")
	span.End()
	if got := collector.Spans(tracer)["file"]; got.Trace != "5759e988bd862e3fe1be46a994272793" || got.Parent != "53995c3f42cd8ad8" {
		t.Errorf("%+v", got)
	}
	// Not sampled there is not sampled here.
	ctx = tracer.FromXRay(t.Context(), "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
	_, span = tracer.Start(ctx, tracing.Consumer, "unsampled")
	span.End()
	if _, sent := collector.Spans(tracer)["unsampled"]; sent {
		t.Error("a span that was not to be sampled is sent")
	}
	for _, header := range []string{"", "Root=1-5759e988-bd862e3fe1be46a994272793", "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", "Root=;Parent=;Sampled=1"} {
		if id := tracing.ID(tracer.FromXRay(t.Context(), header)); id != "" {
			t.Errorf("%q leads to trace %s", header, id)
		}
	}
}

// TestOffCostsNothing wants no memory allocated for spans nobody asks for.
func TestOffCostsNothing(t *testing.T) {
	cfg, err := tracing.ReadConfig(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := tracing.New(t.Context(), cfg, "test", "1", slog.New(slog.DiscardHandler))
	if err != nil || tracer != nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	header := http.Header{}
	failure := errors.New("oops")
	allocated := testing.AllocsPerRun(100, func() {
		ctx := tracer.FromXRay(tracer.FromHeader(t.Context(), header), "")
		ctx, span := tracer.Start(ctx, tracing.Server, "name")
		_, inner := tracer.StartInside(ctx, tracing.Client, "name")
		inner.Text("key", "value")
		inner.Count("key", 7)
		inner.Fail(failure)
		inner.End()
		span.End()
		tracer.Flush(ctx)
		tracer.Close(ctx)
		if tracing.ID(ctx) != "" {
			t.Error("there is a trace")
		}
	})
	if allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// TestCollectorFails wants the program to go on, batches to be sent again where
// that helps, and one line in the log for each run of failures.
func TestCollectorFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		answer string
		calls  int64
		logged string
	}{
		"busy":           {http.StatusServiceUnavailable, "", 4, "503 Service Unavailable"},
		"refusing":       {http.StatusBadRequest, "no such thing", 1, "400 Bad Request: no such thing"},
		"refusing some":  {http.StatusOK, `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}`, 1, "refused 1 spans: too old"},
		"answers binary": {http.StatusOK, "\x0a\x00", 1, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			}))
			defer server.Close()
			var log bytes.Buffer
			cfg, err := tracing.ReadConfig(environment{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}.get)
			if err != nil {
				t.Fatal(err)
			}
			tracer, err := tracing.New(t.Context(), cfg, "test", "1", slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			_, span := tracer.Start(t.Context(), tracing.Internal, "name")
			span.End()
			tracer.Flush(t.Context())
			first := calls.Load()
			_, span = tracer.Start(t.Context(), tracing.Internal, "name")
			span.End()
			tracer.Close(t.Context())
			if first != test.calls {
				t.Errorf("%d calls for one batch, want %d", first, test.calls)
			}
			if lines := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), test.logged) || lines != min(len(test.logged), 1) {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

func FuzzCarried(f *testing.F) {
	f.Add("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("Root=1-00000000-000000000000000000000000;Parent=0000000000000000", "ff--")
	tracer := idle(f)
	f.Fuzz(func(t *testing.T, xray, traceparent string) {
		for _, ctx := range []context.Context{
			tracer.FromXRay(t.Context(), xray),
			tracer.FromHeader(t.Context(), http.Header{"Traceparent": {traceparent}}),
		} {
			if id := tracing.ID(ctx); id != "" && (len(id) != 32 || strings.Trim(id, "0") == "") {
				t.Errorf("%q and %q lead to trace %q", xray, traceparent, id)
			}
		}
	})
}
