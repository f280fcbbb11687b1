package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// list names what a cursor goes through, so that one of another list is told.
type list string

const (
	readingsList list = "r" // parts: microseconds since 1970, metric
	sensorsList  list = "s" // parts: the sensor
	objectsList  list = "o" // parts: the row's key
)

// encodeCursor writes the place where a page of a list ended: opaque to clients,
// and with one text for one place.
func encodeCursor(of list, parts ...string) string {
	// Texts always encode.
	data, _ := json.Marshal(append([]string{string(of)}, parts...))
	return base64.RawURLEncoding.EncodeToString(data)
}

// decodeCursor takes only what encodeCursor writes.
func decodeCursor(of list, text string, parts int) ([]string, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	var all []string
	if err := json.Unmarshal(data, &all); err != nil || len(all) != parts+1 || encodeCursor(list(all[0]), all[1:]...) != text {
		return nil, false
	}
	return all[1:], all[0] == string(of) && !slices.Contains(all, "")
}

// cursorParam reads the parameter cursor; it returns nil at the start of a list.
func cursorParam(c echo.Context, of list, parts int) ([]string, error) {
	text := c.QueryParam("cursor")
	if text == "" {
		return nil, nil
	}
	decoded, ok := decodeCursor(of, text, parts)
	if !ok {
		return nil, errCursor()
	}
	return decoded, nil
}

func errCursor() error {
	return badParameter("cursor", "is not one that this service gave out for this list")
}

// positionCursor is the cursor of a place among readings.
func positionCursor(p warehouse.Position) string {
	return encodeCursor(readingsList, strconv.FormatInt(p.Timestamp.UnixMicro(), 10), p.Metric)
}

// positionParam reads the cursor of a place among readings. Whoever was cut off
// in a stream of CSV knows the last line only, so its timestamp and metric with a
// comma between them are a cursor too.
func positionParam(c echo.Context) (*warehouse.Position, error) {
	if at, metric, ok := strings.Cut(c.QueryParam("cursor"), ","); ok {
		t, err := reading.ParseTime(at)
		if err != nil || reading.ValidateMetric(metric) != nil {
			return nil, badParameter("cursor", "is not the timestamp and the metric of a line, with a comma between them")
		}
		return &warehouse.Position{Timestamp: t, Metric: metric}, nil
	}
	parts, err := cursorParam(c, readingsList, 2)
	if err != nil || parts == nil {
		return nil, err
	}
	micros, err := strconv.ParseInt(parts[0], 10, 64)
	p := warehouse.Position{Timestamp: time.UnixMicro(micros).UTC(), Metric: parts[1]}
	valid := reading.Reading{SensorID: "any", Metric: p.Metric, Timestamp: p.Timestamp}
	if err != nil || valid.Validate() != nil || positionCursor(p) != c.QueryParam("cursor") {
		return nil, errCursor()
	}
	return &p, nil
}

// nameParam reads the cursor of a place in a list that is in the order of one
// name.
func nameParam(c echo.Context, of list, valid func(string) bool) (string, error) {
	parts, err := cursorParam(c, of, 1)
	if err != nil || parts == nil {
		return "", err
	}
	if !valid(parts[0]) {
		return "", errCursor()
	}
	return parts[0], nil
}

func isSensor(name string) bool { return reading.ValidateSensorID(name) == nil }

// isRow takes any key that a row may have; it may be longer than an object's own.
func isRow(key string) bool { return len(key) <= 2*objectkey.MaxKey }
