package parse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// unpack reads through gzip when the first bytes are gzip's, whatever the
// file is called, and stops a file that grows beyond its limits.
func unpack(r io.Reader, limits Limits) (io.Reader, error) {
	stored := &counted{in: r}
	in := bufio.NewReader(stored)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return &limited{in: in, stored: stored, limits: limits}, nil
	}
	packed, err := gzip.NewReader(in)
	if err != nil {
		return nil, corrupt(err)
	}
	return &limited{in: unzip{packed}, stored: stored, limits: limits}, nil
}

// ErrCorrupt marks a gzip file that is cut off or damaged.
var ErrCorrupt = errors.New("the gzip file is cut off or damaged")

// unzip says of gzip's errors what they mean for the file.
type unzip struct{ in *gzip.Reader }

func (u unzip) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = corrupt(err)
	}
	return n, err
}

func corrupt(err error) error { return fmt.Errorf("%w: %w", ErrCorrupt, err) }

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
