//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// inUse has clients write and read through the load balancer until stop is called,
// which wants every request of theirs to have been answered well.
func (w world) inUse(t *testing.T) (stop func()) {
	t.Helper()
	const each, clients = 100 * time.Millisecond, 2
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	var mu sync.Mutex
	var requests int
	var failures []string
	for n := range clients {
		working.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// A request that has begun is answered before the clients stop.
				failure := w.use(context.WithoutCancel(ctx), fmt.Sprintf("e2e-%d", n), i)
				mu.Lock()
				requests++
				if failure != "" {
					failures = append(failures, time.Now().UTC().Format(time.TimeOnly)+" "+failure)
				}
				mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(each):
				}
			}
		})
	}
	return func() {
		cancel()
		working.Wait()
		t.Logf("%d requests meanwhile, %d failed", requests, len(failures))
		if requests == 0 || len(failures) > 0 {
			t.Errorf("%d of %d requests failed:\n%s", len(failures), requests, strings.Join(failures[:min(len(failures), 10)], "\n"))
		}
	}
}

// use writes a reading, every other time it reads, and says what went wrong.
func (w world) use(ctx context.Context, sensor string, i int) (failure string) {
	method, path, body, want := http.MethodGet, "/v1/sensors", "", http.StatusOK
	if i%2 == 0 {
		method, path, want = http.MethodPost, "/v1/readings", http.StatusAccepted
		body = fmt.Sprintf(`{"readings":[{"sensor_id":%q,"metric":"use","timestamp":%q,"value":%d}]}`, sensor, time.Now().UTC().Format(time.RFC3339Nano), i)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+w.balancer+path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		return fmt.Sprintf("%s %s: %s %s %v", method, path, response.Status, text, err)
	}
	return ""
}
