package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// long is a warehouse of so many readings, one a second, which needs a while for
// each page.
func long(count int, each time.Duration) *fakeWarehouse {
	return &fakeWarehouse{pages: func(q warehouse.Query) (warehouse.Page, error) {
		time.Sleep(each)
		start := 0
		if q.After != nil {
			start = int(q.After.Timestamp.Sub(now)/time.Second) + 1
		}
		var page warehouse.Page
		for i := start; i < min(start+q.Limit, count); i++ {
			page.Readings = append(page.Readings, reading.Reading{SensorID: "a", Metric: "m", Timestamp: now.Add(time.Duration(i) * time.Second), Value: float64(i)})
		}
		if start+q.Limit < count {
			last := page.Readings[len(page.Readings)-1]
			page.Next = &warehouse.Position{Timestamp: last.Timestamp, Metric: last.Metric}
		}
		return page, nil
	}}
}

// serveWithin serves with the deadlines of whole requests, as the program has
// them, only shorter.
func serveWithin(t *testing.T, api http.Handler, whole time.Duration) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(api)
	server.Config.ReadTimeout, server.Config.WriteTimeout = whole, whole
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// TestAStreamMayTakeLong streams for several times as long as a request may take.
func TestAStreamMayTakeLong(t *testing.T) {
	t.Parallel()
	const count = 20_000
	server := serveWithin(t, newAPI(httpapi.Config{Warehouse: long(count, 40*time.Millisecond)}), 200*time.Millisecond)
	res, err := http.Get(server.URL + "/v1/readings?sensor_id=a&format=csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if lines := strings.Count(string(text), "\n"); err != nil || lines != count+1 {
		t.Errorf("%d lines, %v", lines, err)
	}
}

// TestACutStreamIsResumed has a client that takes nothing for a while: it is cut
// off, sees that, and goes on behind its last line.
func TestACutStreamIsResumed(t *testing.T) {
	t.Parallel()
	const count = 300_000
	api := newAPI(httpapi.Config{Warehouse: long(count, 0)})
	const patience = 100 * time.Millisecond
	api.SetProgress(patience)
	server := serveWithin(t, api, time.Minute)
	dialer := &net.Dialer{Control: nil}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, ReadBufferSize: 1 << 10}}
	res, err := client.Get(server.URL + "/v1/readings?sensor_id=a&format=csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	// Longer than the service waits, with more to send than the sockets hold.
	time.Sleep(10 * patience)
	in := bufio.NewReader(res.Body)
	seen, last := -1, ""
	for {
		line, readErr := in.ReadString('\n')
		if readErr == nil {
			seen, last = seen+1, line
			continue
		}
		if readErr == io.EOF {
			t.Fatalf("the cut stream ends well, behind %d readings", seen)
		}
		break
	}
	if seen < 1000 || seen >= count {
		t.Fatalf("%d readings before the cut", seen)
	}
	fields := strings.Split(last, ",")
	// Another one, which waits as long as it does: a busy machine reads slowly.
	patient := serveWithin(t, newAPI(httpapi.Config{Warehouse: long(count, 0)}), time.Minute)
	rest, err := client.Get(patient.URL + "/v1/readings?sensor_id=a&format=csv&cursor=" + url.QueryEscape(fields[2]+","+fields[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rest.Body.Close() }()
	text, err := io.ReadAll(rest.Body)
	if lines := strings.Count(string(text), "\n"); err != nil || seen+lines-1 != count {
		t.Errorf("%d readings before the cut, %d behind it, %v, want %d together", seen, lines-1, err, count)
	}
}
