package parse

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// lines reads a file line by line. A line longer than the reader's buffer is
// cut and skipped to its end, so that it costs its own row only.
type lines struct {
	in     *bufio.Reader
	number int
}

// next returns the line without its end, valid until the next call. The error
// is io.EOF behind the last line; errRowTooLong leaves the reader behind the
// line, whose beginning is returned.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	l.number++
	if errors.Is(err, bufio.ErrBufferFull) {
		return l.skip(slices.Clone(line))
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (l *lines) skip(beginning []byte) ([]byte, error) {
	for {
		_, err := l.in.ReadSlice('\n')
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return beginning, errRowTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// eachLine calls read for every line that is not blank, and yields the row that
// it makes of it; a line without a row of its own (ok is false) is passed over.
func eachLine(in *bufio.Reader, first int, yield func(Row, error) bool, read func(number int, line []byte, row *Row) (ok bool, err error)) error {
	l := lines{in: in, number: first - 1}
	var row Row
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errRowTooLong):
			if !yield(badRow(l.number, line, err), nil) {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		ok, err := read(l.number, line, &row)
		if err != nil {
			return err
		}
		if ok && !yield(row, nil) {
			return nil
		}
	}
}
