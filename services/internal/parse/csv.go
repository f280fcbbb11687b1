package parse

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"sensor-backend/services/internal/reading"
)

// csvRows takes one line as one record: readings hold no line breaks, and a
// stray quotation mark must not swallow the rest of the file.
func csvRows(in *bufio.Reader, opts Options, yield func(Row, error) bool) error {
	t := table{opts: opts, plain: plainRecords{plain: reading.Plain{Defaults: opts.Defaults}}}
	return eachLine(in, 1, yield, t.line)
}

// table is a CSV file on its way.
type table struct {
	opts    Options
	plain   plainRecords
	layout  *columns // of the last header, or by position; nil before either
	strange *strange // a line before both that may be a header
	begun   bool
	seen    seen // since the last header
}

// line reads one line. A header is found by what it names, wherever it stands;
// a file is never read by position behind a line that may be a header.
func (t *table) line(number int, line []byte, row *Row) (bool, error) {
	*row = Row{Line: number}
	if t.plain.read(line, t.layout, &row.Reading) {
		return true, t.seen.add(&row.Reading, t.layout)
	}
	text := string(line)
	first := !t.begun
	t.begun = true
	if first {
		if separator, ok := strings.CutPrefix(strings.ToLower(text), "sep="); ok {
			if separator == "," {
				return false, nil
			}
			return false, &FileError{Line: number, Raw: cut(line), Err: fmt.Errorf("the file says sep=%s, expected columns separated by commas", separator)}
		}
	}
	rest, comment := uncomment(text)
	record, err := splitRecord(rest)
	if comment {
		return false, t.comment(number, line, record)
	}
	if err != nil {
		if wrong := t.unquoted(number, line, rest); wrong != nil {
			return false, wrong
		}
		*row = badRow(number, line, err)
		return true, nil
	}
	if isHeader(record) && !t.seen.again(record, t.layout) {
		return false, t.header(number, line, record)
	}
	if t.layout == nil {
		err = t.position(number, line, record)
	} else {
		err = t.doubt(number, line, record)
	}
	if whole := (*FileError)(nil); errors.As(err, &whole) {
		return false, err
	}
	if err == nil {
		row.Reading, err = recordReading(record, t.layout, t.opts.Defaults)
	}
	if err != nil {
		*row = badRow(number, line, err)
		return true, nil
	}
	return true, t.seen.add(&row.Reading, t.layout)
}

// header takes the columns of a header.
func (t *table) header(number int, line []byte, record []string) error {
	layout, ignored, err := headerColumns(record)
	if err != nil {
		return &FileError{Line: number, Raw: cut(line), Err: err}
	}
	t.layout, t.seen = layout, seen{}
	if t.opts.Ignored != nil {
		for _, name := range ignored {
			t.opts.Ignored(name)
		}
	}
	return nil
}

// comment passes over a comment unless it is a header: some programs write theirs
// so. One whose names are unknown matters where there are four columns, of which
// two could be either.
func (t *table) comment(number int, line []byte, record []string) error {
	if isHeader(record) {
		if _, _, err := headerColumns(record); err == nil {
			return t.header(number, line, record)
		}
	}
	if t.layout == nil && t.strange == nil && namesOnly(record) && len(record) == fourColumns().count {
		t.strange = &strange{number, len(record), cut(line)}
	}
	return nil
}

// position settles on columns by position with the first record of data.
func (t *table) position(number int, line []byte, record []string) error {
	if err := separatedElse(number, line, record); err != nil {
		return err
	}
	if namesOnly(record) {
		if t.strange == nil {
			t.strange = &strange{number, len(record), cut(line)}
		}
		return errors.New("holds neither a time nor a number, expected timestamp,value or sensor_id,metric,timestamp,value")
	}
	t.layout = byPosition(len(record))
	if s := t.strange; s != nil && t.layout != nil && s.count == t.layout.count {
		return s.error()
	}
	return nil
}

// unquoted looks at a line whose quotation marks do not match: it may be a header
// nevertheless, and then the columns behind it are not known.
func (t *table) unquoted(number int, line []byte, rest string) error {
	names := trimAll(strings.Split(strings.ReplaceAll(rest, `"`, ""), ","))
	switch {
	case isHeader(names) && !t.seen.again(names, t.layout):
		return &FileError{Line: number, Raw: cut(line), Err: errors.New("the quotation marks of the header do not match")}
	case t.layout != nil:
		return t.doubt(number, line, names)
	case t.strange == nil && namesOnly(names):
		t.strange = &strange{number, len(names), cut(line)}
	}
	return separatedElse(number, line, names)
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
