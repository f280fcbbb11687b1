package replay

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// loads are what fills an API up.
func loads() []trial {
	return []trial{
		{"load: 64 senders that hold the first byte", slowSenders},
		{"load: 64 packed batches of 10,000 readings at a time", manyBatches},
		{"load: a reading of each month since 1970", everyMonth},
	}
}

// slowSenders wants others to be served beside them.
func slowSenders(ctx context.Context, a *api) error {
	target, err := url.Parse(a.options.Address)
	if err != nil {
		return err
	}
	address := target.Host
	if target.Port() == "" {
		address = net.JoinHostPort(target.Hostname(), "80")
	}
	const senders = 64
	for range senders {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		key := ""
		if a.options.Key != "" {
			key = "Authorization: Bearer " + a.options.Key + "\r\n"
		}
		if _, err := fmt.Fprintf(conn, "POST /v1/readings HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", target.Host, key); err != nil {
			return err
		}
	}
	start := time.Now()
	got, err := a.post(ctx, `{"readings":[`+a.reading(a.sensor+"-slow", 0, "1")+`]}`, nil)
	if err != nil {
		return err
	}
	const soon = 2 * time.Second
	if took := time.Since(start); took > soon {
		return fmt.Errorf("a batch beside them took %s", took)
	}
	return got.is(http.StatusAccepted, "")
}

// manyBatches wants each to be stored or turned away, and the API to be there
// afterwards.
func manyBatches(ctx context.Context, a *api) error {
	const batches, most = 64, 10_000
	var all sync.WaitGroup
	errs := make(chan error, batches)
	for n := range batches {
		lines := make([]string, most)
		for i := range lines {
			lines[i] = a.reading(fmt.Sprintf("%s-many-%d", a.sensor, n), -i, "1")
		}
		body := pack(`{"readings":[` + strings.Join(lines, ",") + `]}`)
		all.Go(func() {
			got, err := a.post(ctx, body, map[string]string{"Content-Encoding": "gzip"})
			if err == nil && got.status != http.StatusAccepted && (got.status != http.StatusTooManyRequests && got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "") {
				err = got.is(http.StatusAccepted, "")
			}
			errs <- err
		})
	}
	all.Wait()
	for range batches {
		if err := <-errs; err != nil {
			return err
		}
	}
	got, err := a.get(ctx, "/readyz")
	if err != nil {
		return err
	}
	return got.is(http.StatusOK, "")
}

// everyMonth wants a query to be as quick afterwards as before.
func everyMonth(ctx context.Context, a *api) error {
	ask := func() (time.Duration, error) {
		least := time.Hour
		for range 20 {
			start := time.Now()
			got, err := a.get(ctx, "/v1/readings?sensor_id="+a.sensor+"-months&order=desc&limit=1")
			if err == nil {
				err = got.is(http.StatusOK, "")
			}
			if err != nil {
				return 0, err
			}
			least = min(least, time.Since(start))
		}
		return least, nil
	}
	before, err := ask()
	if err != nil {
		return err
	}
	var lines []string
	for month := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); month.Before(a.now); month = month.AddDate(0, 1, 0) {
		lines = append(lines, fmt.Sprintf(`{"sensor_id":"%s-months","metric":"m","timestamp":%q,"value":1}`, a.sensor, month.Format(time.RFC3339)))
	}
	got, err := a.post(ctx, `{"readings":[`+strings.Join(lines, ",")+`]}`, nil)
	if err == nil && got.status != http.StatusAccepted && got.status != http.StatusMultiStatus { // with a retention, most are refused
		err = got.is(http.StatusAccepted, "")
	}
	if err != nil {
		return err
	}
	behind, err := ask()
	if err != nil {
		return err
	}
	const slower, floor = 5, 5 * time.Millisecond
	if behind > slower*before && behind > floor {
		return fmt.Errorf("a query took %s before and %s afterwards", before, behind)
	}
	return nil
}
