package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter posts spans to a collector. What cannot be sent is dropped with one
// line in the log for each run of failures: a collector that is down must not
// fill the log, nor slow the program down.
type exporter struct {
	url     string
	header  http.Header
	client  *http.Client
	log     *slog.Logger
	failing atomic.Bool
}

func newExporter(cfg Config, log *slog.Logger) *exporter {
	header := cfg.Headers.Clone()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Encoding", "gzip")
	return &exporter{url: cfg.Endpoint.JoinPath("v1", "traces").String(), header: header, client: &http.Client{}, log: log}
}

// ExportSpans implements the SDK's SpanExporter; the SDK bounds ctx and calls
// it from one goroutine at a time.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	err := e.export(ctx, spans)
	switch {
	case err != nil && !e.failing.Swap(true):
		e.log.WarnContext(ctx, "traces not delivered, they are dropped until the collector takes them", "spans", len(spans), "error", err)
	case err == nil && e.failing.Swap(false):
		e.log.InfoContext(ctx, "traces are delivered again")
	}
	return nil
}

// Shutdown implements the SDK's SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// maxAttempts bounds how often a batch is sent.
const maxAttempts = 4

func (e *exporter) export(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	plain, err := encode(spans)
	if err != nil {
		return fmt.Errorf("encode %d spans: %w", len(spans), err)
	}
	var body bytes.Buffer
	packer := gzip.NewWriter(&body)
	_, err = packer.Write(plain)
	if err = errors.Join(err, packer.Close()); err != nil {
		return fmt.Errorf("pack %d spans: %w", len(spans), err)
	}
	wait := 200 * time.Millisecond
	for attempt := 1; ; attempt++ {
		again, after, err := e.post(ctx, body.Bytes())
		if err == nil || !again || attempt == maxAttempts {
			return err
		}
		if after == 0 {
			after = wait/2 + rand.N(wait/2) //nolint:gosec // spreads attempts, hides nothing
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(after):
		}
		wait *= 2
	}
}

// post sends a batch once. Whether and after what time to send it again is as
// OTLP has it: for the answers that it lists, and when there is none.
func (e *exporter) post(ctx context.Context, body []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return false, 0, fmt.Errorf("send traces: %w", err)
	}
	req.Header = e.header
	res, err := e.client.Do(req)
	if err != nil {
		return true, 0, fmt.Errorf("send traces: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	const longest = 64 << 10
	text, err := io.ReadAll(io.LimitReader(res.Body, longest))
	switch {
	case res.StatusCode == http.StatusOK && err == nil:
		return false, 0, partly(text)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusBadGateway,
		res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return true, time.Duration(max(seconds, 0)) * time.Second, fmt.Errorf("send traces: the collector answered %s", res.Status)
	}
	return false, 0, fmt.Errorf("send traces: the collector answered %s: %.200s", res.Status, text)
}

// partly is an error when the collector says that it refused some spans.
func partly(answer []byte) error {
	var parsed struct {
		PartialSuccess struct {
			RejectedSpans json.RawMessage `json:"rejectedSpans"` // a number or its text
			ErrorMessage  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	// It may answer in protocol buffers, which say nothing here: the status is what
	// counts.
	_ = json.Unmarshal(answer, &parsed)
	refused := string(bytes.Trim(parsed.PartialSuccess.RejectedSpans, `"`))
	if refused == "" || refused == "0" {
		return nil
	}
	return fmt.Errorf("send traces: the collector refused %s spans: %s", refused, parsed.PartialSuccess.ErrorMessage)
}
