package parse

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"sensor-backend/services/internal/reading"
)

// columns says where in a record each field stands; -1 is nowhere.
type columns struct {
	count                            int
	sensor, metric, timestamp, value int
}

var (
	twoColumns  = columns{count: 2, sensor: -1, metric: -1, timestamp: 0, value: 1}
	fourColumns = columns{count: 4, sensor: 0, metric: 1, timestamp: 2, value: 3}
)

// csvRows takes one line as one record: readings hold no line breaks, and a
// stray quotation mark must not swallow the rest of the file.
func csvRows(in *bufio.Reader, opts Options, yield func(Row, error) bool) error {
	var layout *columns
	first := true
	plain := plainRecords{plain: reading.Plain{Defaults: opts.Defaults}}
	return eachLine(in, 1, yield, func(number int, line []byte, row *Row) (bool, error) {
		*row = Row{Line: number}
		if plain.read(line, layout, &row.Reading) {
			return true, nil
		}
		record, err := splitRecord(string(line))
		if first {
			first = false
			if err == nil && isHeader(record) {
				layout, err = headerColumns(record)
				return false, err
			}
		}
		if err == nil && layout == nil {
			layout = guessColumns(len(record))
		}
		if err == nil {
			row.Reading, err = recordReading(record, layout, opts.Defaults)
		}
		if err != nil {
			*row = badRow(number, line, err)
		}
		return true, nil
	})
}

func splitRecord(line string) ([]string, error) {
	if !strings.Contains(line, `"`) {
		return trimAll(strings.Split(line, ",")), nil
	}
	record, err := csv.NewReader(strings.NewReader(line)).Read()
	var parseErr *csv.ParseError
	if errors.As(err, &parseErr) {
		// The reader's own line number is that of the one line it was given.
		err = parseErr.Err
	}
	return trimAll(record), err
}

func trimAll(record []string) []string {
	for i := range record {
		record[i] = strings.TrimSpace(record[i])
	}
	return record
}

func isHeader(record []string) bool {
	for _, name := range record {
		if strings.EqualFold(name, "timestamp") {
			return true
		}
	}
	return false
}

// headerColumns takes the columns in any order and ignores unknown ones.
func headerColumns(header []string) (*columns, error) {
	c := &columns{count: len(header), sensor: -1, metric: -1, timestamp: -1, value: -1}
	places := map[string]*int{"sensor_id": &c.sensor, "metric": &c.metric, "timestamp": &c.timestamp, "value": &c.value}
	for i, name := range header {
		place := places[strings.ToLower(name)]
		if place == nil {
			continue
		}
		if *place >= 0 {
			return nil, fmt.Errorf("the header names the column %s twice", name)
		}
		*place = i
	}
	if c.value < 0 {
		return nil, errors.New("the header has no column value")
	}
	return c, nil
}

// guessColumns serves files without a header.
func guessColumns(count int) *columns {
	switch count {
	case twoColumns.count:
		return &twoColumns
	case fourColumns.count:
		return &fourColumns
	}
	return nil
}

func recordReading(record []string, layout *columns, defaults reading.Defaults) (reading.Reading, error) {
	if layout == nil {
		return reading.Reading{}, fmt.Errorf("has %d columns, expected timestamp,value or sensor_id,metric,timestamp,value", len(record))
	}
	if len(record) != layout.count {
		return reading.Reading{}, fmt.Errorf("has %d columns, expected %d", len(record), layout.count)
	}
	r := reading.Reading{SensorID: defaults.SensorID, Metric: defaults.Metric}
	if layout.sensor >= 0 {
		r.SensorID = record[layout.sensor]
	}
	if layout.metric >= 0 {
		r.Metric = record[layout.metric]
	}
	var err error
	if r.Timestamp, err = reading.ParseTime(record[layout.timestamp]); err != nil {
		return reading.Reading{}, err
	}
	if r.Value, err = reading.ParseValue(record[layout.value]); err != nil {
		return reading.Reading{}, err
	}
	return r, r.Validate()
}
