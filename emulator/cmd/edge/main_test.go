package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestServerLeavesConnectionsOpen(t *testing.T) {
	t.Parallel()
	server := newServer(slog.New(slog.DiscardHandler), http.NotFoundHandler())
	if server.ReadHeaderTimeout != 0 || server.ReadTimeout != 0 || server.IdleTimeout != 0 {
		t.Errorf("a time limit ends connections: %+v", server)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	for range 3 {
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: aws\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.Close || !strings.Contains(string(body), "not found") {
			t.Fatalf("got %q, %v; closed: %v", body, err, res.Close)
		}
	}
}
