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

// TestSlowClient has a client that never sends the rest of its batch. It holds
// one of two places meanwhile, the other serves, and in the end it is told.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	r := start(t, config{databaseURL: pgtest.URL(t), ingestBatches: 2, readTimeout: 3 * time.Second})
	r.until(t, "/readyz", http.StatusOK)
	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if _, err := fmt.Fprintf(slow, "POST /v1/readings HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n{", len(batch)); err != nil {
		t.Fatal(err)
	}
	post := func() int {
		res, err := http.Post(r.url+"/v1/readings", "application/json", strings.NewReader(batch))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := post(); status != http.StatusAccepted {
		t.Errorf("beside a slow client another is answered %d", status)
	}
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestTimeout || !answer.Close {
		t.Errorf("the slow client is answered %s, close %t", answer.Status, answer.Close)
	}
	if status := post(); status != http.StatusAccepted {
		t.Errorf("behind a slow client another is answered %d", status)
	}
	r.end(t)
}
