package httpapi

import (
	"encoding/csv"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/warehouse"
)

// wantsCSV reads the parameter format and, without it, the header Accept.
func wantsCSV(c echo.Context) (bool, error) {
	switch format := c.QueryParam("format"); format {
	case "":
	case "json":
		return false, nil
	case "csv":
		return true, nil
	default:
		return false, badParameter("format", "is not csv or json")
	}
	for accepted := range strings.SplitSeq(c.Request().Header.Get("Accept"), ",") {
		if name, _, err := mime.ParseMediaType(accepted); err == nil && name == "text/csv" {
			return true, nil
		}
	}
	return false, nil
}

// streamReadings writes the readings as they are found, page by page: all of
// the range unless a limit was given. Between pages no connection to the
// database is held, so that a slow client blocks nobody. A stream that cannot
// be finished is broken off, so that it does not look finished.
func (a *API) streamReadings(c echo.Context, q warehouse.Query) error {
	left := -1
	if c.QueryParam("limit") != "" {
		left = q.Limit
	}
	ctx := c.Request().Context()
	res := c.Response()
	out := csv.NewWriter(res)
	for {
		q.Limit = maxLimit
		if left >= 0 {
			q.Limit = min(left, maxLimit)
		}
		page, err := a.cfg.Warehouse.Select(ctx, q)
		if err != nil {
			return a.breakOff(c, err)
		}
		if !res.Committed {
			startCSV(res)
			// A failed write is reported by Error.
			_ = out.Write([]string{"sensor_id", "metric", "timestamp", "value"})
		}
		for _, r := range page.Readings {
			_ = out.Write([]string{r.SensorID, r.Metric, r.Timestamp.Format(time.RFC3339Nano), formatFloat(r.Value)})
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return a.breakOff(c, err)
		}
		left -= len(page.Readings)
		if page.Next == nil || left == 0 {
			return nil
		}
		q.After = page.Next
		res.Flush()
	}
}

func startCSV(res *echo.Response) {
	res.Header().Set(echo.HeaderContentType, "text/csv; charset=utf-8; header=present")
	res.WriteHeader(http.StatusOK)
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// breakOff returns the error while it can still be answered, and otherwise
// breaks the connection.
func (a *API) breakOff(c echo.Context, err error) error {
	if !c.Response().Committed {
		return err
	}
	a.cfg.Log.WarnContext(c.Request().Context(), "stream broken off", "route", c.Path(), "error", err)
	panic(http.ErrAbortHandler)
}
