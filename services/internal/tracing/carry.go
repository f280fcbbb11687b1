package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// FromHeader returns a context that goes on with the trace a request came
// with, as W3C's traceparent names it. A header that is malformed is none.
func (t *Tracer) FromHeader(ctx context.Context, header http.Header) context.Context {
	if t == nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}

// FromXRay returns a context that goes on with the trace that AWS X-Ray names
// in a header such as
//
//	Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
//
// (X-Ray Developer Guide, "Tracing header"). Its trace id without the version
// and the hyphens is one of OpenTelemetry's.
func (t *Tracer) FromXRay(ctx context.Context, header string) context.Context {
	if t == nil {
		return ctx
	}
	if remote := parseXRay(header); remote.IsValid() {
		return trace.ContextWithRemoteSpanContext(ctx, remote)
	}
	return ctx
}

// parseXRay returns a span context that is not valid for a header that names
// no trace or no parent.
func parseXRay(header string) trace.SpanContext {
	var cfg trace.SpanContextConfig
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var err error
		switch name {
		case "Root":
			var id string
			if parts := strings.Split(value, "-"); len(parts) == 3 && parts[0] == "1" && len(parts[1]) == 8 {
				id = parts[1] + parts[2]
			}
			cfg.TraceID, err = trace.TraceIDFromHex(id)
		case "Parent":
			cfg.SpanID, err = trace.SpanIDFromHex(value)
		case "Sampled":
			if value == "1" {
				cfg.TraceFlags = trace.FlagsSampled
			}
		}
		if err != nil {
			return trace.SpanContext{}
		}
	}
	return trace.NewSpanContext(cfg)
}
