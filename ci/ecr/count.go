package ecr

import (
	"io"
	"sync/atomic"
)

// countingBody adds up the bytes that are read from a request's body.
type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

// Read reads from the body beneath.
func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
