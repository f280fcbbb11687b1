package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/reading"
)

type objectsAnswer struct {
	Objects    []catalog.Object `json:"objects"`
	NextCursor string           `json:"next_cursor,omitempty"`
}

var errCatalogOff = newProblem(http.StatusNotImplemented, "the metadata table is off: set METADATA_TABLE")

// listObjects answers one page of what the processor recorded.
func (a *API) listObjects(c echo.Context) error {
	if a.cfg.Catalog == nil {
		return errCatalogOff
	}
	q := catalog.Query{SensorID: c.QueryParam("sensor_id")}
	if q.SensorID != "" {
		if err := reading.ValidateSensorID(q.SensorID); err != nil {
			return parameterError("sensor_id", err)
		}
	}
	var err error
	if q.Limit, err = limitParam(c); err != nil {
		return err
	}
	if q.After, err = nameParam(c, objectsList, isRow); err != nil {
		return err
	}
	page, err := a.cfg.Catalog.List(c.Request().Context(), q)
	if err != nil {
		return fmt.Errorf("%w: %w", errUpstream, err)
	}
	answer := objectsAnswer{Objects: page.Objects}
	if answer.Objects == nil {
		answer.Objects = []catalog.Object{}
	}
	if page.Next != "" {
		answer.NextCursor = encodeCursor(objectsList, page.Next)
	}
	return c.JSON(http.StatusOK, answer)
}

// getObject answers the row of the object whose key is the rest of the path.
func (a *API) getObject(c echo.Context) error {
	if a.cfg.Catalog == nil {
		return errCatalogOff
	}
	// The router matches on the raw path only when it differs from the plain
	// one, so the key is cut out of the escaped path, which is always there.
	escaped := strings.TrimPrefix(c.Request().URL.EscapedPath(), "/v1/objects/")
	key, err := url.PathUnescape(escaped)
	if err != nil || key == "" {
		return newProblem(http.StatusBadRequest, "the path does not end in an object key")
	}
	object, found, err := a.cfg.Catalog.Get(c.Request().Context(), key)
	if err != nil {
		return fmt.Errorf("%w: %w", errUpstream, err)
	}
	if !found {
		return newProblem(http.StatusNotFound, "no object "+key+" was processed")
	}
	return c.JSON(http.StatusOK, object)
}
