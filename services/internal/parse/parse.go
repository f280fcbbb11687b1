// Package parse turns a sensor file into readings, row by row, in constant
// memory. Start with Rows.
//
// Formats: CSV with the columns timestamp,value or
// sensor_id,metric,timestamp,value, with or without a header; NDJSON; one JSON
// array of objects. Each may be gzipped, told by its first bytes.
package parse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/reading"
)

// Limits bound what a file may ask of the process.
type Limits struct {
	Bytes int64 // unpacked size of the file
	Row   int   // one row; a longer one is a bad row
	// Ratio is how many times its packed size a file may unpack to, behind its
	// first Free bytes. Sensor files unpack to 5 to 50 times; deflate could make
	// it 1032.
	Ratio int64
	Free  int64
}

// DefaultLimits bound the time of a function; its memory does not depend on
// the file.
func DefaultLimits() Limits {
	return Limits{Bytes: 4 << 30, Row: 64 << 10, Ratio: 200, Free: 64 << 20}
}

// Options say what the file's name already told.
type Options struct {
	Format   objectkey.Format
	Defaults reading.Defaults // for rows that do not name sensor or metric
	Limits   Limits
	// Ignored is told each column or JSON name that is passed over, unless it is
	// nil; a name as often as it stands there.
	Ignored func(name string)
}

// Row is one row of a file: a valid reading or, when Err is set, why not.
type Row struct {
	Line    int // from 1; of a JSON array, where the element begins
	Reading reading.Reading
	Raw     string // of a bad row, its beginning
	Err     error
}

// FileError is what is wrong with a file as a whole, where one line of it shows
// that.
type FileError struct {
	Line int    // from 1
	Raw  string // the beginning of that line
	Err  error
}

// Error says what is wrong first, so that it reads well without the line.
func (e *FileError) Error() string { return fmt.Sprintf("%v (line %d)", e.Err, e.Line) }

// Unwrap returns what is wrong.
func (e *FileError) Unwrap() error { return e.Err }

// ErrTooLarge ends a file that unpacks to more than its limits.
var ErrTooLarge = errors.New("the unpacked file is too large")

// errRowTooLong marks a row beyond Limits.Row.
var errRowTooLong = errors.New("the row is too long")

// Rows yields every row of a file, good and bad. An error ends it: the file
// itself is then not to be trusted (cut off, not gzip, too large).
func Rows(r io.Reader, opts Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := rows(r, opts, yield); err != nil {
			yield(Row{}, err)
		}
	}
}

// rows returns nil also when the consumer has had enough.
func rows(r io.Reader, opts Options, yield func(Row, error) bool) error {
	plain, err := unpack(r, opts.Limits)
	if err != nil {
		return err
	}
	// A line is read without copying it, so the buffer is as long as a row.
	in := bufio.NewReaderSize(plain, opts.Limits.Row)
	if in, err = decode(in, opts.Limits.Row); err != nil {
		return err
	}
	switch opts.Format {
	case objectkey.CSV:
		return csvRows(in, opts, yield)
	case objectkey.JSON:
		return jsonRows(in, opts, yield)
	default:
		return fmt.Errorf("unknown format %q", opts.Format)
	}
}

// badRow keeps the beginning of the row's text for the quarantine.
func badRow(line int, raw []byte, err error) Row { return Row{Line: line, Raw: cut(raw), Err: err} }

func cut(raw []byte) string {
	const longest = 1024
	return string(raw[:min(len(raw), longest)])
}
