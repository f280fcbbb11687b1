package processor_test

import (
	"strings"
	"testing"

	"sensor-backend/services/internal/tracing/tracetest"
)

func TestTrace(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	tracer := collector.Tracer(t)
	w := newWorld()
	file, anomalies := noisy(t)
	e := w.put(key, []byte(file+"oops,oops\n"))
	w.fails["publish"] = 1
	p := w.processor()
	p.Tracer = tracer
	ctx := tracer.FromXRay(t.Context(), "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	if err := p.Handle(ctx, e); err == nil {
		t.Fatal("no error")
	}
	spans := collector.Spans(tracer)
	if got := spans["process file"]; got.Trace != "5759e988bd862e3fe1be46a994272793" || got.Parent != "53995c3f42cd8ad8" ||
		got.Kind != "SPAN_KIND_CONSUMER" || got.Texts["aws.s3.bucket"] != bucket || !strings.Contains(got.Failure, "service down") {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"parse and detect", "save states", "write objects", "alert"} {
		if got := spans[name]; got.Parent != spans["process file"].ID || (got.Failure != "") != (name == "alert") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := spans["parse and detect"].Counts
	if got["rows"] != 2000 || got["bad_rows"] != 1 || got["anomalies"] != int64(anomalies) {
		t.Errorf("%v", got)
	}
}
