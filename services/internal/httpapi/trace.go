package httpapi

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/tracing"
)

// trace makes each request a span, named by the route rather than the path and
// below the span of the caller when it sent one. Probes are left out.
func (a *API) trace() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, route := c.Request(), c.Path()
			if isProbe(route) {
				return next(c)
			}
			ctx, span := a.cfg.Tracer.Start(a.cfg.Tracer.FromHeader(r.Context(), r.Header), tracing.Server, r.Method+" "+route)
			defer span.End()
			c.SetRequest(r.WithContext(ctx))
			err := next(c)
			// The middleware inside has answered errors already.
			status := c.Response().Status
			span.Text("http.request.method", r.Method)
			span.Text("http.route", route)
			span.Text("url.path", r.URL.Path)
			span.Count("http.response.status_code", status)
			span.Count("http.response.body.size", int(c.Response().Size))
			if status >= http.StatusInternalServerError {
				span.Fail(errors.New(http.StatusText(status)))
			}
			return err
		}
	}
}
