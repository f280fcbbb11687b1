package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// healthcheck asks the API on this machine. It names the address in numbers:
// a scratch image has no hosts file to find localhost in.
func healthcheck(ctx context.Context, port string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := "http://127.0.0.1:" + port + "/healthz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s answered %s", url, res.Status)
	}
	return nil
}
