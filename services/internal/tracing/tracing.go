// Package tracing tells an OpenTelemetry collector what the programs spend
// their time on. Start with New. Without an endpoint there is no Tracer: every
// method of a nil *Tracer and of a zero Span does nothing and allocates
// nothing, so that callers need not ask.
//
// Types of the OpenTelemetry SDK stay inside this package. The spans leave as
// OTLP in its JSON encoding over HTTP, which the standard library can write;
// the protocol buffers and the gRPC of the official exporters would be a third
// of the API's image.
package tracing

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans and sends them in the background.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New returns a tracer for a program, or nil when the configuration names no
// endpoint. What the SDK reads from the environment by itself (OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_…) holds as its
// documentation says.
func New(ctx context.Context, cfg Config, program, version string, log *slog.Logger) (*Tracer, error) {
	if cfg.Endpoint == nil {
		return nil, nil
	}
	from, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", program), attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe %s to the collector of traces: %w", program, err)
	}
	provider := sdk.NewTracerProvider(sdk.WithResource(from), sdk.WithBatcher(newExporter(cfg, log)))
	return &Tracer{provider: provider, tracer: provider.Tracer("sensor-backend")}, nil
}

// Kind says on which side of a call a span stands.
type Kind = trace.SpanKind

// The kinds of spans.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer   // answers a request
	Client   = trace.SpanKindClient   // waits for another service
	Consumer = trace.SpanKindConsumer // takes what was put down for it
)

// Span is one stretch of work; End ends it.
type Span struct{ span trace.Span }

// Start begins a span below the one in ctx, and returns a context with it.
func (t *Tracer) Start(ctx context.Context, kind Kind, name string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// StartInside is Start where ctx has a span already; work outside of any, such
// as a probe or maintenance, is left out.
func (t *Tracer) StartInside(ctx context.Context, kind Kind, name string) (context.Context, Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, Span{}
	}
	return t.Start(ctx, kind, name)
}

// End ends the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}

// Text notes a text.
func (s Span) Text(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Count notes a number.
func (s Span) Count(key string, value int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(key, value))
	}
}

// Fail marks the span as failed, unless err is nil.
func (s Span) Fail(err error) {
	if s.span != nil && err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
}

// ID is the id of the trace that ctx belongs to, empty outside of any: with it
// a line of the log leads to the trace.
func ID(ctx context.Context) string {
	if of := trace.SpanContextFromContext(ctx); of.IsValid() {
		return of.TraceID().String()
	}
	return ""
}

// Flush sends what has ended, and waits for that no longer than ctx lasts. What
// cannot be sent is in the log and no error: no work fails for its trace.
func (t *Tracer) Flush(ctx context.Context) {
	if t != nil {
		_ = t.provider.ForceFlush(ctx)
	}
}

// Close sends what has ended and ends the tracer, like Flush.
func (t *Tracer) Close(ctx context.Context) {
	if t != nil {
		_ = t.provider.Shutdown(ctx)
	}
}
