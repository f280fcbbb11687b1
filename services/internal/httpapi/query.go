package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

type readingsAnswer struct {
	Readings   []reading.Reading `json:"readings"`
	NextCursor string            `json:"next_cursor,omitempty"`
}

// errWarehouseOff says where the readings are instead.
var errWarehouseOff = newProblem(http.StatusServiceUnavailable, "the warehouse is off: readings are processed from the source bucket, see /v1/objects")

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
	if csv {
		return a.streamReadings(c, q)
	}
	page, err := a.cfg.Warehouse.Select(c.Request().Context(), q)
	if err != nil {
		return err
	}
	answer := readingsAnswer{Readings: page.Readings}
	if answer.Readings == nil {
		answer.Readings = []reading.Reading{}
	}
	if page.Next != nil {
		answer.NextCursor = encodeCursor(*page.Next)
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
	if text := c.QueryParam("cursor"); text != "" {
		position, err := decodeCursor(text)
		if err != nil {
			return q, badParameter("cursor", "is not one that this service gave out")
		}
		q.After = &position
	}
	return q, nil
}

// rangeParams reads from and to, either of which may be left open.
func rangeParams(c echo.Context) (from, to time.Time, err error) {
	if from, err = timeParam(c, "from"); err != nil {
		return from, to, err
	}
	if to, err = timeParam(c, "to"); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, badParameter("to", "is not after from")
	}
	return from, to, nil
}

func timeParam(c echo.Context, name string) (time.Time, error) {
	text := c.QueryParam(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := reading.ParseTime(text)
	if err != nil {
		return time.Time{}, parameterError(name, err)
	}
	return t, nil
}

func limitParam(c echo.Context) (int, error) {
	text := c.QueryParam("limit")
	if text == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, badParameter("limit", "is not a number from 1 to "+strconv.Itoa(maxLimit))
	}
	return limit, nil
}
