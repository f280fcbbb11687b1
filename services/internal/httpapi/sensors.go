package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

type sensorsAnswer struct {
	Sensors    []warehouse.Sensor `json:"sensors"`
	NextCursor string             `json:"next_cursor,omitempty"`
}

// listSensors answers one page of sensors with their metrics.
func (a *API) listSensors(c echo.Context) error {
	if a.cfg.Warehouse == nil {
		return errWarehouseOff
	}
	q := warehouse.SensorQuery{Prefix: c.QueryParam("prefix")}
	if q.Prefix != "" {
		// The beginning of a name may end in a space, which a name may not.
		if err := reading.ValidateSensorID(q.Prefix + "0"); err != nil {
			return parameterError("prefix", err)
		}
	}
	var err error
	if q.Limit, err = limitParam(c); err != nil {
		return err
	}
	if q.After, err = nameParam(c, sensorsList, isSensor); err != nil {
		return err
	}
	page, err := a.cfg.Warehouse.Sensors(c.Request().Context(), q)
	if err != nil {
		return err
	}
	answer := sensorsAnswer{Sensors: page.Sensors}
	if answer.Sensors == nil {
		answer.Sensors = []warehouse.Sensor{}
	}
	if page.Next != "" {
		answer.NextCursor = encodeCursor(sensorsList, page.Next)
	}
	return c.JSON(http.StatusOK, answer)
}
