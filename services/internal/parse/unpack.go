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
// file is called, and stops a file that grows beyond limit.
func unpack(r io.Reader, limit int64) (io.Reader, error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return &limited{in: in, left: limit, limit: limit}, nil
	}
	packed, err := gzip.NewReader(in)
	if err != nil {
		return nil, corrupt(err)
	}
	return &limited{in: unzip{packed}, left: limit, limit: limit}, nil
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

// limited fails, rather than ends, where the limit is passed.
type limited struct {
	in    io.Reader
	left  int64
	limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, l.limit)
	}
	return n, err
}
