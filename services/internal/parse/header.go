package parse

import (
	"fmt"
	"slices"
	"strings"

	"sensor-backend/services/internal/reading"
)

// columns says where in a record each field stands; -1 is nowhere.
type columns struct {
	named                            bool // by a header
	count                            int
	sensor, metric, timestamp, value int
}

func twoColumns() *columns  { return &columns{count: 2, sensor: -1, metric: -1, timestamp: 0, value: 1} }
func fourColumns() *columns { return &columns{count: 4, sensor: 0, metric: 1, timestamp: 2, value: 3} }

// passedOver is how many columns are not read.
func (c *columns) passedOver() int {
	left := c.count
	for _, place := range []int{c.sensor, c.metric, c.timestamp, c.value} {
		if place >= 0 {
			left--
		}
	}
	return left
}

// byPosition serves files without a header.
func byPosition(count int) *columns {
	switch count {
	case 2:
		return twoColumns()
	case 4:
		return fourColumns()
	}
	return nil
}

// namesOnly tells a line that may be a header from one of data: it has several
// fields, and none of them is a time or a number.
func namesOnly(record []string) bool {
	for _, field := range record {
		if isTime(field) {
			return false
		}
		if _, err := reading.ParseValue(field); err == nil {
			return false
		}
	}
	return len(record) > 1
}

// isHeader knows a header wherever it stands: it names the time, or nothing in
// it is unknown.
func isHeader(record []string) bool {
	if !namesOnly(record) {
		return false
	}
	known, others := 0, 0
	for _, name := range record {
		switch field := reading.FieldNamed(name); {
		case field == "timestamp":
			return true
		case field != "":
			known++
		case !reading.Harmless(name):
			others++
		}
	}
	return known >= 2 && others == 0
}

// headerColumns takes the columns in any order. Unknown ones are returned, and
// beside a sensor or a metric that no column names they are an error: one of
// them may be what names it.
func headerColumns(header []string) (c *columns, ignored []string, err error) {
	c = &columns{named: true, count: len(header), sensor: -1, metric: -1, timestamp: -1, value: -1}
	places := map[string]*int{"sensor_id": &c.sensor, "metric": &c.metric, "timestamp": &c.timestamp, "value": &c.value}
	doubtful := ""
	for i, name := range header {
		field := reading.FieldNamed(name)
		place := places[field]
		if place == nil {
			if name == "" {
				name = fmt.Sprintf("(column %d, without a name)", i+1)
			}
			ignored = append(ignored, name)
			if doubtful == "" && !reading.Harmless(name) {
				doubtful = name
			}
			continue
		}
		if *place >= 0 {
			return nil, nil, fmt.Errorf("the header names the column %s twice: %q and %q", field, header[*place], name)
		}
		*place = i
	}
	for _, field := range []string{"timestamp", "value"} {
		if *places[field] < 0 {
			return nil, nil, fmt.Errorf("the header has no column %s", field)
		}
	}
	for _, field := range []string{"sensor_id", "metric"} {
		if *places[field] < 0 && doubtful != "" {
			return nil, nil, fmt.Errorf("the header has no column %s, and the unknown column %q may be it: name it %s, or leave it out", field, doubtful, field)
		}
	}
	return c, ignored, nil
}

// separatedElse is the error of a file whose line commas make no sense of, and
// another separator does.
func separatedElse(number int, line []byte, record []string) error {
	if slices.ContainsFunc(record, isTime) {
		return nil
	}
	for _, separator := range [][2]string{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		fields := trimAll(strings.Split(strings.ReplaceAll(string(line), `"`, ""), separator[0]))
		if len(fields) > 1 && (isHeader(fields) || slices.ContainsFunc(fields, isTime)) {
			return &FileError{Line: number, Raw: cut(line), Err: fmt.Errorf("the columns are separated by %s, expected commas", separator[1])}
		}
	}
	return nil
}

func isTime(field string) bool {
	_, err := reading.ParseTime(field)
	return err == nil
}

// uncomment takes the sign of a comment away.
func uncomment(line string) (rest string, comment bool) {
	return strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(line, "\ufeff"), " \t"), "#")
}
