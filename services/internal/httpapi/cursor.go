package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

var errCursor = errors.New("malformed cursor")

// cursor is a position as it travels: opaque to clients, short, and with one
// text for one position.
type cursor struct {
	Micros int64  `json:"t"`
	Metric string `json:"m"`
}

func encodeCursor(p warehouse.Position) string {
	// A struct of a number and a string always encodes.
	data, _ := json.Marshal(cursor{Micros: p.Timestamp.UnixMicro(), Metric: p.Metric})
	return base64.RawURLEncoding.EncodeToString(data)
}

func decodeCursor(text string) (warehouse.Position, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return warehouse.Position{}, errCursor
	}
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil {
		return warehouse.Position{}, errCursor
	}
	p := warehouse.Position{Timestamp: time.UnixMicro(c.Micros).UTC(), Metric: c.Metric}
	valid := reading.Reading{SensorID: "any", Metric: p.Metric, Timestamp: p.Timestamp}
	// Only what encodeCursor would write comes from here.
	if valid.Validate() != nil || encodeCursor(p) != text {
		return warehouse.Position{}, errCursor
	}
	return p, nil
}
