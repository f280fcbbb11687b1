package parse

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"sensor-backend/services/internal/gunzip"
)

// ErrCorrupt marks a gzip file that is cut off or damaged.
var ErrCorrupt = gunzip.ErrCorrupt

// unpack reads through gzip when the first bytes are gzip's, whatever the
// file is called, and stops a file that grows beyond its limits.
func unpack(r io.Reader, limits Limits) (io.Reader, error) {
	stored := &counted{in: r}
	in := bufio.NewReader(stored)
	if _, err := in.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if !gunzip.Packed(in) {
		return &limited{in: in, stored: stored, limits: limits}, nil
	}
	unpacked, err := gunzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	return &limited{in: unpacked, stored: stored, limits: limits}, nil
}

// errEncoding says what can be read instead.
func errEncoding(name string) error {
	return fmt.Errorf("the file is written in %s, expected UTF-8, or UTF-16 with a byte order mark", name)
}

func errFormat(name string) error {
	return fmt.Errorf("the file is %s, expected text, packed by gzip or not", name)
}

// longestMark is how many bytes tell a format, that of bzip2.
const longestMark = len("BZh91AY&SY")

// decode makes UTF-8 of the text of a file: it takes a byte order mark away, and
// converts UTF-16 that begins with one.
func decode(in *bufio.Reader, size int) (*bufio.Reader, error) {
	begin, err := in.Peek(longestMark)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	is := func(at int, bytes string) bool {
		return len(begin) >= at+len(bytes) && string(begin[at:at+len(bytes)]) == bytes
	}
	if is(0, "BZh") && is(len("BZh9"), "1AY&SY") {
		return nil, errFormat("packed by bzip2")
	}
	for _, other := range notText() {
		if is(0, other.begin) {
			return nil, errFormat(other.name)
		}
	}
	switch {
	case is(0, "\ufeff"):
		_, err := in.Discard(len("\ufeff"))
		return in, err
	case is(0, "\xff\xfe\x00\x00"), is(0, "\x00\x00\xfe\xff"):
		return nil, errEncoding("UTF-32")
	case is(0, "\xff\xfe"), is(0, "\xfe\xff"):
		// The mark decides on the order of the bytes.
		decoder := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		return bufio.NewReaderSize(transform.NewReader(in, decoder), size), nil
	case is(0, "\x00") && !is(1, "\x00"), is(1, "\x00") && !is(0, "\x00"):
		return nil, errEncoding("UTF-16 without a byte order mark")
	}
	return in, nil
}

// format is what a file begins with that is no text.
type format struct{ begin, name string }

// notText is what is sent under the names of text files.
func notText() []format {
	return []format{
		{"PK\x03\x04", "a zip archive or a workbook"},
		{"PK\x05\x06", "an empty zip archive"},
		{"\x1f\x8b", "packed by gzip twice"},
		{"\x28\xb5\x2f\xfd", "packed by zstd"},
		{"\xfd7zX", "packed by xz"},
		{"PAR1\x15", "a Parquet file"},
		{"\xd0\xcf\x11\xe0", "an old workbook"},
		{"%PDF", "a PDF document"},
	}
}

// counted counts the bytes of a file as it is stored.
type counted struct {
	in   io.Reader
	read int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read += int64(n)
	return n, err
}

// limited fails, rather than ends, where a limit is passed.
type limited struct {
	in     io.Reader
	stored *counted
	limits Limits
	read   int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	l.read += int64(n)
	if l.read > l.limits.Bytes {
		return 0, fmt.Errorf("%w: more than %d bytes, split it", ErrTooLarge, l.limits.Bytes)
	}
	if l.read > l.limits.Free && l.read > l.limits.Ratio*l.stored.read {
		return 0, fmt.Errorf("%w: %d bytes become more than %d times as many, as no readings do",
			ErrTooLarge, l.stored.read, l.limits.Ratio)
	}
	return n, err
}
