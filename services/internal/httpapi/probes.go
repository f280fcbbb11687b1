package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// health says that the process serves; it asks nobody else, so that a late
// database does not get the task restarted.
func (a *API) health(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// ready says that requests can be answered now.
func (a *API) ready(c echo.Context) error {
	if a.draining.Load() {
		return newProblem(http.StatusServiceUnavailable, "the service is stopping")
	}
	if a.cfg.Warehouse == nil {
		return c.JSON(http.StatusOK, map[string]string{"status": "ok", "warehouse": "off"})
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), time.Second)
	defer cancel()
	if err := a.cfg.Warehouse.Ready(ctx); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "warehouse": "on"})
}

func (a *API) version(c echo.Context) error {
	return c.JSON(http.StatusOK, a.cfg.Version(c.Request().Context()))
}
