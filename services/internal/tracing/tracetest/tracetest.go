// Package tracetest is a collector of traces for tests. It takes what a tracer
// sends over HTTP and decodes it by OTLP's published schema, so that a field of
// another name or type is a failure.
package tracetest

import (
	"compress/gzip"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"sensor-backend/services/internal/tracing"
)

// Collector is one that runs as long as its test.
type Collector struct {
	URL string

	t      *testing.T
	mu     sync.Mutex
	spans  []Span
	from   map[string]string
	header http.Header
}

// Span is one that arrived. Ids are in hexadecimal.
type Span struct {
	Trace, ID, Parent string
	Name              string
	Kind              string // such as SPAN_KIND_SERVER
	Texts             map[string]string
	Counts            map[string]int64
	Failure           string
	Nanoseconds       int64
}

// Start starts a collector.
func Start(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{t: t}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Tracer returns a tracer that sends to the collector.
func (c *Collector) Tracer(t *testing.T) *tracing.Tracer {
	t.Helper()
	environment := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20k",
	}
	cfg, err := tracing.ReadConfig(func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := tracing.New(t.Context(), cfg, "test", "1.2", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracer.Close(t.Context()) })
	return tracer
}

// ServeHTTP takes traces.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		c.t.Errorf("the collector got %s %s", r.Method, r.URL)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		c.t.Errorf("the collector got no gzip: %v", err)
		return
	}
	body, err := io.ReadAll(unpacked)
	if err != nil {
		c.t.Errorf("the collector: %v", err)
		return
	}
	// In JSON the message has the fields of ExportTraceServiceRequest.
	var data otlp.TracesData
	if err := protojson.Unmarshal(body, &data); err != nil {
		c.t.Errorf("the collector got what is not OTLP: %v in %s", err, body)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = r.Header.Clone()
	for _, resource := range data.GetResourceSpans() {
		c.from, _ = attributes(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.take(s)
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
}

// take keeps a span; c.mu is held.
func (c *Collector) take(s *otlp.Span) {
	span := Span{
		Trace: id(s.GetTraceId()), ID: id(s.GetSpanId()), Parent: id(s.GetParentSpanId()),
		Name: s.GetName(), Kind: s.GetKind().String(),
		Nanoseconds: int64(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()), //nolint:gosec // a test's span is short
	}
	span.Texts, span.Counts = attributes(s.GetAttributes())
	if s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR {
		span.Failure = "failed: " + s.GetStatus().GetMessage()
	}
	c.spans = append(c.spans, span)
}

// id turns back what the schema's own JSON would have as base64: OTLP writes
// ids in hexadecimal, which is base64 of other bytes.
func id(read []byte) string { return base64.StdEncoding.EncodeToString(read) }

func attributes(list []*common.KeyValue) (texts map[string]string, counts map[string]int64) {
	texts, counts = map[string]string{}, map[string]int64{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			texts[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			counts[a.GetKey()] = v.IntValue
		}
	}
	return texts, counts
}

// Spans sends what has ended, of a tracer unless it is nil, and returns what has arrived, by name. Of several
// spans of one name it has the last.
func (c *Collector) Spans(tracer *tracing.Tracer) map[string]Span {
	c.t.Helper()
	tracer.Flush(c.t.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	named := map[string]Span{}
	for _, s := range c.spans {
		named[s.Name] = s
	}
	return named
}

// From is the description of the program that sent, and the header with which
// it did.
func (c *Collector) From() (resource map[string]string, header http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from, c.header
}
