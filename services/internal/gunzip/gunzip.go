// Package gunzip reads gzip files as people really send them: members one behind
// the other, and zeros behind the last, as tapes and block devices add them.
// Start with NewReader.
package gunzip

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// ErrCorrupt marks gzip data that are cut off or damaged.
var ErrCorrupt = errors.New("the gzip data are cut off or damaged")

// Packed knows gzip data by their first bytes.
func Packed(in *bufio.Reader) bool {
	begin, _ := in.Peek(2) // what cannot be read is found out by whoever reads on
	return string(begin) == "\x1f\x8b"
}

// Reader unpacks.
type Reader struct {
	in     *bufio.Reader
	member *gzip.Reader
}

// NewReader begins with the first member. An error of the data wraps
// ErrCorrupt; one of reading them is as it was.
func NewReader(in *bufio.Reader) (*Reader, error) {
	member, err := gzip.NewReader(in)
	if err != nil {
		return nil, corrupt(err)
	}
	member.Multistream(false)
	return &Reader{in: in, member: member}, nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		n, err := r.member.Read(p)
		if err == nil || n > 0 && errors.Is(err, io.EOF) {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return n, corrupt(err)
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
}

// next begins the next member, and is io.EOF where none follows.
func (r *Reader) next() error {
	if !Packed(r.in) {
		return r.padding()
	}
	if err := r.member.Reset(r.in); err != nil {
		return corrupt(err)
	}
	r.member.Multistream(false)
	return nil
}

// padding is io.EOF when zeros alone are left.
func (r *Reader) padding() error {
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return fmt.Errorf("%w: something follows that is neither gzip nor zeros", ErrCorrupt)
		}
	}
}

// corrupt marks the errors of the data, which are all that the format knows.
func corrupt(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
