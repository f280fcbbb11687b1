// Package keepalive keeps connections that a server has ended, for whoever sends
// on them later. Start with Listen.
//
// Dagger's tunnel from a laptop into the engine names a connection by the
// client's port and never tells the far end that a client has gone. When the far
// end closes one and, later, a client with the same port is named to it, writing
// fails, and with that the tunnel ends for all. A server that closes nothing is
// no way out: it must end a connection on which it was sent what is not HTTP,
// such as the greeting of TLS.
package keepalive

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Listener accepts connections, and those that the server has ended once more
// when a request comes on them. A client learns that a response is complete by
// its length or its last chunk, as in HTTP/1.1, and not by the connection's end.
type Listener struct {
	net.Listener
	accepted chan net.Conn
	failed   chan error
	closed   chan struct{}
	closing  sync.Once
}

// Listen accepts from inner from now on.
func Listen(inner net.Listener) *Listener {
	l := &Listener{Listener: inner, accepted: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{})}
	go l.accept()
	return l
}

func (l *Listener) accept() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.failed <- err:
				continue
			case <-l.closed:
				return
			}
		}
		l.offer(&conn{Conn: c, listener: l})
	}
}

// offer hands a connection to the server, or closes it if there is none anymore.
func (l *Listener) offer(c *conn) {
	select {
	case l.accepted <- c:
	case <-l.closed:
		_ = c.Conn.Close()
	}
}

// Accept waits for a connection, or for a request on one that was ended.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends listening. Connections that are closed from then on are closed.
func (l *Listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// conn is a connection until the server ends it.
type conn struct {
	net.Conn
	listener *Listener
	// before was read while nobody had the connection.
	before  []byte
	reading sync.Mutex
	ended   atomic.Bool
}

// Read reads what was kept, then from the client.
func (c *conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.ended.Load() {
		return 0, net.ErrClosed
	}
	if len(c.before) > 0 {
		n := copy(p, c.before)
		c.before = c.before[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Write writes to the client, unless the connection has ended.
func (c *conn) Write(p []byte) (int, error) {
	if c.ended.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// Close ends the server's part and keeps the client's.
func (c *conn) Close() error {
	if c.ended.Swap(true) {
		return net.ErrClosed
	}
	go c.keep()
	// Whoever reads gives up.
	return c.SetDeadline(time.Unix(1, 0))
}

// keep waits until the client begins a request, which is another connection to
// the server, or has gone.
func (c *conn) keep() {
	c.reading.Lock()
	defer c.reading.Unlock()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-c.listener.closed:
			_ = c.Conn.Close()
		case <-stop:
		}
	}()
	if err := c.SetDeadline(time.Time{}); err != nil {
		_ = c.Conn.Close()
		return
	}
	const most = 4 << 10
	for buffer := make([]byte, most); ; {
		n, err := c.Conn.Read(buffer)
		if n > 0 && beginsRequest(buffer[0]) {
			c.listener.offer(&conn{Conn: c.Conn, listener: c.listener, before: buffer[:n]})
			return
		}
		if err != nil {
			_ = c.Conn.Close()
			return
		}
	}
}

// beginsRequest tells a method's first letter from what is left of what the
// server did not want to read.
func beginsRequest(b byte) bool { return 'A' <= b && b <= 'Z' }
