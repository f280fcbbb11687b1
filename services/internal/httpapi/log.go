package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"sensor-backend/services/internal/tracing"
)

// observe counts each request and writes a line for it, with the route rather
// than the path. Successful probes are left out of the log: they would be most
// of it.
func (a *API) observe() echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError:      true,
		LogMethod:        true,
		LogRoutePath:     true,
		LogStatus:        true,
		LogLatency:       true,
		LogRequestID:     true,
		LogRemoteIP:      true,
		LogResponseSize:  true,
		LogContentLength: true,
		LogError:         true,
		LogValuesFunc: func(c echo.Context, v middleware.RequestLoggerValues) error {
			a.cfg.Metrics.Answered(v.RoutePath, v.Method, v.Status, v.Latency)
			if v.Status < 400 && isProbe(v.RoutePath) {
				return nil
			}
			level := slog.LevelInfo
			attrs := []slog.Attr{
				slog.String("method", v.Method),
				slog.String("route", v.RoutePath),
				slog.Int("status", v.Status),
				slog.Float64("latency_ms", float64(v.Latency.Microseconds())/1000),
				slog.String("request_id", v.RequestID),
				slog.String("remote_ip", v.RemoteIP),
				slog.String("bytes_in", v.ContentLength),
				slog.Int64("bytes_out", v.ResponseSize),
			}
			if id := tracing.ID(c.Request().Context()); id != "" {
				attrs = append(attrs, slog.String("trace_id", id))
			}
			if v.Error != nil {
				attrs = append(attrs, slog.String("error", v.Error.Error()))
			}
			switch {
			case v.Status == http.StatusServiceUnavailable, v.Status == http.StatusNotImplemented:
				level = slog.LevelWarn
			case v.Status >= 500:
				level = slog.LevelError
			}
			a.cfg.Log.LogAttrs(c.Request().Context(), level, "request", attrs...)
			return nil
		},
	})
}

func isProbe(route string) bool {
	return route == "/healthz" || route == "/readyz" || route == "/metrics"
}

func (a *API) logPanic(c echo.Context, err error, stack []byte) error {
	a.cfg.Log.ErrorContext(c.Request().Context(), "panic", "error", err, "stack", string(stack))
	return err
}
