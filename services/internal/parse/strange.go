package parse

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sensor-backend/services/internal/reading"
)

// strange is a line of names that nobody knows.
type strange struct {
	number, count int
	text          string
}

func (s *strange) error() error {
	return &FileError{Line: s.number, Raw: s.text, Err: errors.New("the line seems to be a header whose names are unknown, " +
		"expected timestamp,value or sensor_id,metric,timestamp,value")}
}

// seen is what the rows since the last header named, by which a row behind a
// strange line is known to have the same columns as those before it.
type seen struct {
	sensor, metric string   // of the last row
	names          []string // metrics, or sensors if no column has a metric
	doubt          *strange
}

// maxSeen bounds the names that are remembered.
const maxSeen = 256

// add notes a good row. It is an error when the row is the first one behind a
// strange line and its name is a new one: its columns may be others.
func (s *seen) add(r *reading.Reading, layout *columns) error {
	last, name := s.sensor, r.SensorID
	if layout.metric >= 0 {
		last, name = s.metric, r.Metric
	}
	if s.doubt != nil && !slices.Contains(s.names, name) {
		return s.doubt.error()
	}
	s.doubt, s.sensor, s.metric = nil, r.SensorID, r.Metric
	if name != last && len(s.names) < maxSeen && !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
	return nil
}

// again tells a row of the series of the row before it, which is no header
// whatever else it holds.
func (s *seen) again(record []string, layout *columns) bool {
	return s.sensor != "" && len(record) == layout.count && layout.sensor >= 0 && layout.metric >= 0 &&
		record[layout.sensor] == s.sensor && record[layout.metric] == s.metric
}

// doubt looks at a record behind data that is neither a reading nor a header of
// known names. Where each column has a meaning, the next row shows whether it was
// a header; where some have none, a line that looks like one fails the file.
func (t *table) doubt(number int, line []byte, record []string) error {
	const plainPair = 2                                  // a time and a number cannot be taken for each other
	belowHeader := t.layout.named && t.seen.sensor == "" // units, for one
	if belowHeader || t.layout.count <= plainPair || len(record) != t.layout.count || !namesOnly(record) ||
		slices.Contains(record, "") || t.seen.again(record, t.layout) {
		return nil
	}
	odd := &strange{number, len(record), cut(line)}
	if t.layout.passedOver() == 0 {
		t.seen.doubt = odd
		return nil
	}
	if name := t.layout.name(); name >= 0 && slices.Contains(t.seen.names, record[name]) || !distinctNames(record) {
		return nil
	}
	return odd.error()
}

// name is the column of the names that are remembered, -1 if there is none.
func (c *columns) name() int {
	if c.metric >= 0 {
		return c.metric
	}
	return c.sensor
}

// distinctNames knows what a header looks like, in any language.
func distinctNames(record []string) bool {
	folded := make([]string, 0, len(record))
	for _, name := range record {
		first, _ := utf8.DecodeRuneInString(name)
		short := strings.ToLower(name)
		if !unicode.IsLetter(first) || isMissing(short) || slices.Contains(folded, short) {
			return false
		}
		folded = append(folded, short)
	}
	return true
}

// isMissing knows what programs write for a value that they do not have.
func isMissing(lower string) bool {
	switch lower {
	case "na", "n/a", "nan", "nil", "none", "null", "inf", "missing", "unknown", "error", "bad", "invalid":
		return true
	}
	return false
}
