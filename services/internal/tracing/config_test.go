package tracing_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sensor-backend/services/internal/tracing"
)

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// idle is a tracer that has nothing to send.
func idle(tb testing.TB) *tracing.Tracer {
	tb.Helper()
	cfg, err := tracing.ReadConfig(environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}.get)
	if err != nil {
		tb.Fatal(err)
	}
	tracer, err := tracing.New(tb.Context(), cfg, "test", "1", slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { tracer.Close(tb.Context()) })
	return tracer
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environment environment
		wrong       []string // in the error
		printed     string
	}{
		"off": {environment{}, nil, "[[OTEL_EXPORTER_OTLP_ENDPOINT ] [OTEL_EXPORTER_OTLP_HEADERS ]]"},
		"all": {
			environment{
				"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:hunter2@collector:4318/base", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
				"OTEL_EXPORTER_OTLP_HEADERS": "x-key=hunter2, b = c%20d,",
			}, nil,
			"[[OTEL_EXPORTER_OTLP_ENDPOINT https://user:xxxxx@collector:4318/base] [OTEL_EXPORTER_OTLP_HEADERS (2 headers)]]",
		},
		"all wrong": {
			environment{
				"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:hunter2", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
				"OTEL_EXPORTER_OTLP_HEADERS": "a=b,hunter2",
			},
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT is not an address", `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`, "OTEL_EXPORTER_OTLP_HEADERS: pair 2"}, "",
		},
		"half an escape": {environment{"OTEL_EXPORTER_OTLP_HEADERS": "a=%2"}, []string{"pair 1"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := tracing.ReadConfig(test.environment.get)
			if (err != nil) != (test.wrong != nil) {
				t.Fatal(err)
			}
			for _, wrong := range test.wrong {
				if !strings.Contains(err.Error(), wrong) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%v, want %s and no secret", err, wrong)
				}
			}
			if got := fmt.Sprint(cfg.Lines()); test.printed != "" && got != test.printed {
				t.Errorf("printed %s, want %s", got, test.printed)
			}
		})
	}
}
