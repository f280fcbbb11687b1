package keepalive

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

const limit = 10 * time.Second

// serve answers every request with its path, on a listener whose connections
// note that they were closed.
func serve(t *testing.T) (address string, closed <-chan struct{}, end func()) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	watched := &closing{Listener: inner, closed: make(chan struct{}, 10)}
	server := &http.Server{
		ReadHeaderTimeout: limit,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }),
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(Listen(watched)) })
	end = func() {
		_ = server.Close()
		serving.Wait()
	}
	t.Cleanup(end)
	return inner.Addr().String(), watched.closed, end
}

type closing struct {
	net.Listener
	closed chan struct{}
}

func (w *closing) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, closed: w.closed}, nil
}

type watchedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { c.closed <- struct{}{} })
	return c.Conn.Close()
}

// client is a connection as the tunnel has it: it goes on sending whatever the
// server says.
type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, Conn: c, in: bufio.NewReader(c)}
}

// send sends a text and returns the status and the body of the answer.
func (c *client) send(text string) (int, string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("after %q: %v", text, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, max(res.ContentLength, 0)))
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestRequestsAfterTheEnd has the server end a connection for each reason that it
// has, and wants the next request on it answered all the same.
func TestRequestsAfterTheEnd(t *testing.T) {
	t.Parallel()
	address, _, _ := serve(t)
	c := dial(t, address)
	steps := []struct {
		send   string
		status int
		body   string
	}{
		{"GET /first HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusOK, "/first"},
		{"GET /close HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", http.StatusOK, "/close"},
		{"GET /after HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusOK, "/after"},
		{"GET /again HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusOK, "/again"},
	}
	for _, step := range steps {
		if status, body := c.send(step.send); status != step.status || body != step.body {
			t.Errorf("%.40q: %d %q, want %d %q", step.send, status, body, step.status, step.body)
		}
	}
	// The greeting of TLS is not HTTP.
	if _, err := io.WriteString(c, "\x16\x03\x01\x00\x05hello\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(io.LimitReader(c.in, int64(len("HTTP/1.1 400"))))
	if err != nil || string(answer) != "HTTP/1.1 400" {
		t.Fatalf("got %q, %v", answer, err)
	}
	if _, err := c.in.ReadString('d'); err != nil {
		t.Fatal(err)
	}
	// What is left of that answer comes before the next.
	for c.in.Buffered() > 0 {
		if _, err := c.in.Discard(c.in.Buffered()); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := c.send("GET /last HTTP/1.1\r\nHost: x\r\n\r\n"); status != http.StatusOK || body != "/last" {
		t.Errorf("behind a greeting of TLS: %d %q", status, body)
	}
}

// TestClientGone wants nothing kept of a client that has gone.
func TestClientGone(t *testing.T) {
	t.Parallel()
	address, closed, _ := serve(t)
	c := dial(t, address)
	c.send("GET /close HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, closed)
}

// TestListenerClosed wants kept connections to end with the listener.
func TestListenerClosed(t *testing.T) {
	t.Parallel()
	address, closed, end := serve(t)
	c := dial(t, address)
	c.send("GET /close HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	end()
	gone(t, closed)
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("the connection still says something")
	}
}

func gone(t *testing.T, closed <-chan struct{}) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(limit):
		t.Fatal("the connection is still open")
	}
}
