package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// call sends a request and decodes the JSON answer, which must have the given
// status; the error shows the start of an answer that has another.
func (r runner) call(ctx context.Context, method, path string, body any, status int, into any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	limit := time.Now().Add(min(r.Timeout, maxBusy))
	for {
		err := r.once(ctx, method, path, payload, status, into)
		var busy *busyError
		if !errors.As(err, &busy) || time.Now().Add(busy.after).After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(busy.after):
		}
	}
}

// maxBusy is how long an API that asks to be asked later is asked again, as its
// clients do.
const maxBusy = 30 * time.Second

// busyError is an answer 503 that says when to ask again.
type busyError struct {
	after time.Duration
	err   error
}

// Error is the answer.
func (e *busyError) Error() string { return e.err.Error() }

func (r runner) once(ctx context.Context, method, path string, payload []byte, status int, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	if len(payload) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != status {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		err := fmt.Errorf("%s %s answers %s, want %d: %s", method, path, response.Status, status, text)
		seconds, later := strconv.Atoi(response.Header.Get("Retry-After"))
		if response.StatusCode == http.StatusServiceUnavailable && later == nil {
			return &busyError{after: time.Duration(max(seconds, 1)) * time.Second, err: err}
		}
		return err
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 16<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// health waits for the API to be there and ready: the load balancer may still
// be turning to the new tasks.
func (r runner) health(ctx context.Context) (string, error) {
	for _, path := range []string{"/healthz", "/readyz"} {
		err := r.await(ctx, "a good answer of "+path, func(ctx context.Context) (bool, error) {
			err := r.call(ctx, http.MethodGet, path, nil, http.StatusOK, nil)
			return err == nil, err
		})
		if err != nil {
			return "", err
		}
	}
	return "alive and ready at " + r.URL, nil
}

// version compares what runs with what was deployed.
func (r runner) version(ctx context.Context) (string, error) {
	var got struct {
		Version     string `json:"version"`
		Commit      string `json:"commit"`
		ImageDigest string `json:"image_digest"`
	}
	if err := r.call(ctx, http.MethodGet, "/version", nil, http.StatusOK, &got); err != nil {
		return "", err
	}
	if r.Version != "" && got.Version != r.Version {
		return "", fmt.Errorf("version %s runs, %s was deployed", got.Version, r.Version)
	}
	if r.Commit != "" && got.Commit != r.Commit {
		return "", fmt.Errorf("commit %s runs, %s was deployed", got.Commit, r.Commit)
	}
	if r.Digest != "" && got.ImageDigest != r.Digest {
		return "", fmt.Errorf("image %s runs, %s was deployed", got.ImageDigest, r.Digest)
	}
	return fmt.Sprintf("%s, image %s", got.Version, got.ImageDigest), nil
}

const (
	// posted is how many readings are posted, in batches of batchSize.
	posted    = 1000
	batchSize = 400
)

// sample is the part of the readings that is posted.
func (r runner) sample() []reading { return r.readings[:min(posted, len(r.readings))] }

// ingest posts readings, and then the first batch again, which must change
// nothing.
func (r runner) ingest(ctx context.Context) (string, error) {
	all := r.sample()
	for from := 0; from < len(all); from += batchSize {
		batch := all[from:min(from+batchSize, len(all))]
		if err := r.post(ctx, batch, len(batch), 0); err != nil {
			return "", err
		}
	}
	if !r.Warehouse {
		return fmt.Sprintf("%d readings taken for the processor", len(all)), nil
	}
	again := all[:min(batchSize, len(all))]
	if err := r.post(ctx, again, 0, len(again)); err != nil {
		return "", fmt.Errorf("post a batch again: %w", err)
	}
	return fmt.Sprintf("%d readings stored, %d posted again and recognised", len(all), len(again)), nil
}

func (r runner) post(ctx context.Context, batch []reading, accepted, duplicates int) error {
	var answer struct {
		Accepted   int `json:"accepted"`
		Duplicates int `json:"duplicates"`
	}
	body := map[string][]reading{"readings": batch}
	if err := r.call(ctx, http.MethodPost, "/v1/readings", body, http.StatusAccepted, &answer); err != nil {
		return err
	}
	if answer.Accepted != accepted || answer.Duplicates != duplicates {
		return fmt.Errorf("of %d readings %d were accepted and %d were duplicates, want %d and %d",
			len(batch), answer.Accepted, answer.Duplicates, accepted, duplicates)
	}
	return nil
}

// query reads the posted readings back, page by page, and compares each.
func (r runner) query(ctx context.Context) (string, error) {
	if !r.Warehouse {
		if err := r.call(ctx, http.MethodGet, "/v1/readings?sensor_id="+r.sensor, nil, http.StatusNotImplemented, nil); err != nil {
			return "", err
		}
		return "the warehouse is off, and the API says so", nil
	}
	want := map[string]float64{}
	for _, one := range r.sample() {
		want[one.Timestamp.String()] = one.Value
	}
	cursor, pages := "", 0
	for {
		var page struct {
			Readings   []reading `json:"readings"`
			NextCursor string    `json:"next_cursor"`
		}
		query := url.Values{"sensor_id": {r.sensor}, "metric": {metric}, "limit": {strconv.Itoa(batchSize)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if err := r.call(ctx, http.MethodGet, "/v1/readings?"+query.Encode(), nil, http.StatusOK, &page); err != nil {
			return "", err
		}
		pages++
		for _, one := range page.Readings {
			at := one.Timestamp.UTC().String()
			value, posted := want[at]
			if !posted || value != one.Value {
				return "", fmt.Errorf("reading at %s has the value %v, posted was %v", at, one.Value, value)
			}
			delete(want, at)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(want) > 0 {
		return "", fmt.Errorf("%d of %d posted readings are missing", len(want), len(r.sample()))
	}
	return fmt.Sprintf("%d readings on %d pages, equal to those posted", len(r.sample()), pages), nil
}
