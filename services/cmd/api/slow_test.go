package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
)

// TestSlowClients has many more clients than there are places, who send the first
// byte of their batches and no more. They hold none, so that others are served
// meanwhile, and in the end each is told.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := start(t, config{databaseURL: pgtest.URL(t), ingestBatches: 1, readTimeout: 3 * time.Second})
	r.until(t, "/readyz", http.StatusOK)
	const clients = 64
	slow := make([]net.Conn, clients)
	for i := range slow {
		var err error
		if slow[i], err = (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = slow[i].Close() }()
		if _, err := fmt.Fprintf(slow[i], "POST /v1/readings HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n{", len(batch)); err != nil {
			t.Fatal(err)
		}
	}
	post := func() int {
		res, err := http.Post(r.url+"/v1/readings", "application/json", strings.NewReader(batch))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for range 10 {
		if status := post(); status != http.StatusAccepted {
			t.Errorf("beside slow clients another is answered %d", status)
		}
	}
	for _, client := range slow {
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout || !answer.Close {
			t.Errorf("a slow client is answered %s, close %t", answer.Status, answer.Close)
		}
	}
	r.end(t)
}
