package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
)

// The readings, sensors or rows of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// onlyParameters refuses a query with anything that would be passed over: a
// malformed escape, an unknown or repeated name, an empty value. A filter that is
// lost answers more than was asked for, and nobody notices.
func onlyParameters(known ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := checkQuery(c.Request().URL.RawQuery, known); err != nil {
				return err
			}
			return next(c)
		}
	}
}

func checkQuery(query string, known []string) error {
	seen := map[string]struct{}{}
	for piece := range strings.SplitSeq(query, "&") {
		if piece == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(piece, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || strings.Contains(rawName, ";") {
			return badParameter(short(rawName), "is not a name: it holds a malformed escape or a semicolon")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return badParameter(short(name), "holds a malformed escape, write a percent sign as %25")
		}
		if strings.Contains(rawValue, ";") {
			return badParameter(short(name), "holds a semicolon, write it as %3B, and separate parameters by &")
		}
		if !slices.Contains(known, name) {
			return badParameter(short(name), "is not a parameter here, expected "+expected(known))
		}
		if _, twice := seen[name]; twice {
			return badParameter(name, "stands twice")
		}
		seen[name] = struct{}{}
		// The empty prefix is one, and no cursor is the start.
		if value == "" && name != "prefix" && name != "cursor" {
			return badParameter(name, "is empty, leave it out or give it a value")
		}
	}
	return nil
}

func expected(known []string) string {
	if len(known) == 0 {
		return "none"
	}
	return strings.Join(known, ", ")
}

// short keeps a client's own text from filling an answer.
func short(text string) string {
	const longest = 64
	return strings.ToValidUTF8(text[:min(len(text), longest)], "\ufffd")
}

// seriesParams reads sensor_id and metric, both of which must be there.
func seriesParams(c echo.Context) (sensor, metric string, err error) {
	sensor, metric = c.QueryParam("sensor_id"), c.QueryParam("metric")
	if err := reading.ValidateSensorID(sensor); err != nil {
		return "", "", parameterError("sensor_id", err)
	}
	if err := reading.ValidateMetric(metric); err != nil {
		return "", "", parameterError("metric", err)
	}
	return sensor, metric, nil
}

// closedRange reads from and to; to is now and from a day before it unless
// they are given.
func (a *API) closedRange(c echo.Context) (from, to time.Time, err error) {
	if from, to, err = rangeParams(c); err != nil {
		return from, to, err
	}
	if to.IsZero() {
		to = a.cfg.Now().UTC().Truncate(time.Microsecond)
	}
	if from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	if !from.Before(to) {
		return from, to, badParameter("from", "is not before now")
	}
	return from, to, nil
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

func parameterError(name string, err error) *problem {
	var field *reading.FieldError
	if errors.As(err, &field) {
		return badParameter(name, field.Reason)
	}
	return badParameter(name, err.Error())
}

func badParameter(field, reason string) *problem {
	return newProblem(http.StatusBadRequest, "a query parameter is not acceptable", fieldProblem{Field: field, Reason: reason})
}
