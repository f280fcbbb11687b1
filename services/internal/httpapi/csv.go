package httpapi

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
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
	return prefersCSV(c.Request().Header.Values("Accept")), nil
}

// prefersCSV reads an Accept header with its weights (RFC 9110, section 12.5.1):
// JSON is answered unless CSV weighs more, or as much and is the one named.
func prefersCSV(accept []string) bool {
	weight := func(name string) (best float64, named bool) {
		specific := -1
		for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
			media, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			kind, _, _ := strings.Cut(name, "/")
			rank := slices.Index([]string{"*/*", kind + "/*", name}, media)
			if rank < 0 || rank < specific {
				continue
			}
			q := 1.0
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
					continue
				}
			}
			specific, best, named = rank, q, rank == 2
		}
		return best, named
	}
	csv, named := weight("text/csv")
	json, jsonNamed := weight("application/json")
	return csv > json || csv > 0 && csv == json && named && !jsonNamed
}

// streamReadings writes the readings as they are found, page by page: all of
// the range unless a limit was given. Between pages no connection to the
// database is held, so that a slow client blocks nobody. It may take as long as
// it moves on: each page has a time of its own to be found and to be sent. A
// stream that cannot be finished is broken off, so that it does not look
// finished, and the cursor made of its last line resumes it.
func (a *API) streamReadings(c echo.Context, q warehouse.Query) error {
	left := -1
	if c.QueryParam("limit") != "" {
		left = q.Limit
	}
	res := c.Response()
	// The server's own deadlines are for whole requests. That of reading would
	// end the request's context too.
	control := http.NewResponseController(res)
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("take the deadline off a stream: %w", err)
	}
	out := csv.NewWriter(res)
	for {
		q.Limit = maxLimit
		if left >= 0 {
			q.Limit = min(left, maxLimit)
		}
		page, err := a.page(c.Request().Context(), q)
		if err != nil {
			return a.breakOff(c, err)
		}
		if err := control.SetWriteDeadline(time.Now().Add(a.progress)); err != nil && !errors.Is(err, http.ErrNotSupported) {
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
		if page.Next == nil || left == 0 || c.Request().Method == http.MethodHead {
			return nil
		}
		q.After = page.Next
		res.Flush()
	}
}

// page finds one page of a stream.
func (a *API) page(ctx context.Context, q warehouse.Query) (warehouse.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return a.cfg.Warehouse.Select(ctx, q)
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
