package smoke

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
)

// reading is one measurement as the API takes and gives it.
type reading struct {
	SensorID  string    `json:"sensor_id"`
	Metric    string    `json:"metric"`
	Timestamp time.Time `json:"timestamp"`
	Value     float64   `json:"value"`
}

const metric = "temperature"

// parse reads a "timestamp,value" file as readings of the sensor. Of several
// rows with one time, as a change from summer time leaves them, the first
// counts.
func parse(file []byte, sensor string) ([]reading, error) {
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the sensor file: %w", err)
	}
	if len(rows) < 2 || len(rows[0]) != 2 || rows[0][0] != "timestamp" || rows[0][1] != "value" {
		return nil, fmt.Errorf("read the sensor file: want the header timestamp,value and at least one row")
	}
	seen := map[time.Time]bool{}
	var readings []reading
	for i, row := range rows[1:] {
		at, err := parseTime(row[0])
		if err != nil {
			return nil, fmt.Errorf("read the sensor file, row %d: %q is not a time", i+2, row[0])
		}
		value, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return nil, fmt.Errorf("read the sensor file, row %d: %q is not a number", i+2, row[1])
		}
		if !seen[at] {
			seen[at] = true
			readings = append(readings, reading{sensor, metric, at, value})
		}
	}
	return readings, nil
}

func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	return at.UTC(), err
}
