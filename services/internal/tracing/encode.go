package tracing

import (
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The JSON encoding of ExportTraceServiceRequest (OTLP Specification, "JSON
// Protobuf Encoding"): names in lowerCamelCase, ids in hexadecimal, 64-bit
// numbers as text, enumerations as numbers. Fields of their zero value may be
// left out. Spans here have no events.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name string `json:"name"`
	}
	otlpSpan struct {
		TraceID           string          `json:"traceId"`
		SpanID            string          `json:"spanId"`
		ParentSpanID      string          `json:"parentSpanId,omitempty"`
		TraceState        string          `json:"traceState,omitempty"`
		Flags             uint32          `json:"flags"`
		Name              string          `json:"name"`
		Kind              trace.SpanKind  `json:"kind"`
		Start             string          `json:"startTimeUnixNano"`
		End               string          `json:"endTimeUnixNano"`
		Attributes        []otlpAttribute `json:"attributes,omitempty"`
		DroppedAttributes int             `json:"droppedAttributesCount,omitempty"`
		Status            otlpStatus      `json:"status"`
	}
	otlpStatus struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	// otlpValue has one field set.
	otlpValue struct {
		Text   *string `json:"stringValue,omitempty"`
		Number *string `json:"intValue,omitempty"`
	}
)

// Of a span's flags, beside those of its trace: whether it is known that its
// parent is of another process, and whether it is.
const (
	knowsRemote = 0x100
	isRemote    = 0x200
)

// encode writes spans of one process and one tracer.
func encode(spans []sdk.ReadOnlySpan) ([]byte, error) {
	scope := otlpScopeSpans{Spans: make([]otlpSpan, len(spans))}
	var from *resource.Resource
	for i, s := range spans {
		scope.Scope.Name, from = s.InstrumentationScope().Name, s.Resource()
		scope.Spans[i] = encodeSpan(s)
	}
	return json.Marshal(otlpRequest{[]otlpResourceSpans{{
		Resource:   otlpResource{encodeAttributes(from.Attributes())},
		ScopeSpans: []otlpScopeSpans{scope},
	}}})
}

func encodeSpan(s sdk.ReadOnlySpan) otlpSpan {
	of, parent := s.SpanContext(), s.Parent()
	out := otlpSpan{
		TraceID:           of.TraceID().String(),
		SpanID:            of.SpanID().String(),
		TraceState:        of.TraceState().String(),
		Flags:             uint32(of.TraceFlags()) | knowsRemote,
		Name:              s.Name(),
		Kind:              s.SpanKind(),
		Start:             nanoseconds(s.StartTime()),
		End:               nanoseconds(s.EndTime()),
		Attributes:        encodeAttributes(s.Attributes()),
		DroppedAttributes: s.DroppedAttributes(),
	}
	if parent.HasSpanID() {
		out.ParentSpanID = parent.SpanID().String()
	}
	if parent.IsRemote() {
		out.Flags |= isRemote
	}
	const failed = 2 // STATUS_CODE_ERROR; the SDK counts otherwise
	if status := s.Status(); status.Code == codes.Error {
		out.Status = otlpStatus{Code: failed, Message: status.Description}
	}
	return out
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func encodeAttributes(attributes []attribute.KeyValue) []otlpAttribute {
	out := make([]otlpAttribute, len(attributes))
	for i, a := range attributes {
		// A value of any kind has a text, a list that of its JSON.
		text := a.Value.String()
		out[i] = otlpAttribute{Key: string(a.Key), Value: otlpValue{Text: &text}}
		if a.Value.Type() == attribute.INT64 {
			out[i].Value = otlpValue{Number: &text}
		}
	}
	return out
}
