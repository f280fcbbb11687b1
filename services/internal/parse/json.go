package parse

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"sensor-backend/services/internal/reading"
)

// jsonRows reads one array when the content begins with a bracket, and one
// object a line otherwise.
func jsonRows(in *bufio.Reader, opts Options, yield func(Row, error) bool) error {
	line := 1
	for {
		c, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case c == '[':
			a := array{in: in, line: line, opts: opts, plain: reading.Plain{Defaults: opts.Defaults}}
			return a.rows(yield)
		case c == '\n':
			line++
		case !isSpace(c):
			if err := in.UnreadByte(); err != nil {
				return err
			}
			return ndjsonRows(in, line, opts, yield)
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func ndjsonRows(in *bufio.Reader, first int, opts Options, yield func(Row, error) bool) error {
	plain := reading.Plain{Defaults: opts.Defaults}
	return eachLine(in, first, yield, func(number int, line []byte, row *Row) (bool, error) {
		// Files put one behind the other keep their byte order marks.
		*row = jsonRow(number, bytes.TrimPrefix(line, []byte("\ufeff")), &plain, opts.Ignored)
		return true, nil
	})
}

func jsonRow(line int, raw []byte, plain *reading.Plain, ignored func(name string)) Row {
	if r, taken, ok := plain.Next(raw); ok && taken == len(raw) {
		return Row{Line: line, Reading: r}
	}
	r, err := reading.FromJSON(raw, plain.Defaults, ignored)
	if err != nil {
		return badRow(line, raw, err)
	}
	return Row{Line: line, Reading: r}
}

// array cuts a JSON array into its elements without reading it whole. Unlike
// a decoder it goes on behind an element that is not JSON, and it never holds
// more than one element, cut to the limit.
type array struct {
	in   *bufio.Reader
	line int
	opts Options
	raw  []byte

	plain reading.Plain
}

var (
	errUnclosed = errors.New("the JSON array is not closed, the file may be cut off")
	errTrailing = errors.New("something follows the JSON array")
	errElement  = errors.New("the array has an empty element")
)

// rows begins behind the opening bracket.
func (a *array) rows(yield func(Row, error) bool) error {
	for elements := 0; ; elements++ {
		line, end, tooLong, err := a.element()
		if err != nil {
			return err
		}
		raw := bytes.TrimSpace(a.raw)
		last := end == ']'
		if len(raw) == 0 && last && elements == 0 {
			return a.trailer()
		}
		var row Row
		switch {
		case tooLong:
			row = badRow(line, raw, errRowTooLong)
		case len(raw) == 0:
			row = badRow(line, raw, errElement)
		default:
			row = jsonRow(line, raw, &a.plain, a.opts.Ignored)
		}
		if !yield(row, nil) {
			return nil
		}
		if last {
			return a.trailer()
		}
	}
}

// element reads up to the comma or bracket that ends the element and returns
// the line on which it begins.
func (a *array) element() (line int, end byte, tooLong bool, err error) {
	a.raw = a.raw[:0]
	depth, quoted, escaped := 0, false, false
	for {
		c, err := a.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, 0, false, errUnclosed
		}
		if err != nil {
			return 0, 0, false, err
		}
		if c == '\n' {
			a.line++
		}
		if len(a.raw) == 0 && isSpace(c) {
			continue
		}
		if line == 0 {
			line = a.line
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case depth == 0 && (c == ',' || c == ']'):
			return line, c, tooLong, nil
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth = max(depth-1, 0)
		}
		if len(a.raw) < a.opts.Limits.Row {
			a.raw = append(a.raw, c)
		} else {
			tooLong = true
		}
	}
}

// trailer accepts white space behind the array, and nothing else.
func (a *array) trailer() error {
	for {
		c, err := a.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !isSpace(c) {
			return errTrailing
		}
	}
}
