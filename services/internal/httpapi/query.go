package httpapi

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

type readingsAnswer struct {
	Readings   []reading.Reading `json:"readings"`
	NextCursor string            `json:"next_cursor,omitempty"`
}

// errWarehouseOff says where the readings are instead.
var errWarehouseOff = newProblem(http.StatusNotImplemented, "the warehouse is off: readings are processed from the source bucket, see /v1/objects")

// getReadings answers one page of one sensor's readings, or all of a range as
// CSV.
func (a *API) getReadings(c echo.Context) error {
	if a.cfg.Warehouse == nil {
		return errWarehouseOff
	}
	q, err := readingsQuery(c)
	if err != nil {
		return err
	}
	csv, err := wantsCSV(c)
	if err != nil {
		return err
	}
	// For as long as the client takes it.
	ticket := a.arriving.Enter(c.RealIP())
	defer ticket.Leave()
	entries := q.Limit
	if csv {
		entries = maxLimit
	}
	if err := ticket.Take(int64(entries) * entryCost); err != nil {
		return err
	}
	if csv {
		return a.streamReadings(c, q)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), requestTimeout)
	defer cancel()
	page, err := a.cfg.Warehouse.Select(ctx, q)
	if err != nil {
		return err
	}
	answer := readingsAnswer{Readings: page.Readings}
	if answer.Readings == nil {
		answer.Readings = []reading.Reading{}
	}
	if page.Next != nil {
		answer.NextCursor = positionCursor(*page.Next)
	}
	return c.JSON(http.StatusOK, answer)
}

func readingsQuery(c echo.Context) (warehouse.Query, error) {
	q := warehouse.Query{SensorID: c.QueryParam("sensor_id"), Metric: c.QueryParam("metric")}
	if err := reading.ValidateSensorID(q.SensorID); err != nil {
		return q, parameterError("sensor_id", err)
	}
	if q.Metric != "" {
		if err := reading.ValidateMetric(q.Metric); err != nil {
			return q, parameterError("metric", err)
		}
	}
	var err error
	if q.From, q.To, err = rangeParams(c); err != nil {
		return q, err
	}
	switch order := c.QueryParam("order"); order {
	case "", "asc":
	case "desc":
		q.Newest = true
	default:
		return q, badParameter("order", "is not asc or desc")
	}
	if q.Limit, err = limitParam(c); err != nil {
		return q, err
	}
	if q.After, err = positionParam(c); err != nil {
		return q, err
	}
	return q, nil
}
