package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dagger/sensor-backend/internal/dagger"
)

// Notify posts a report to a chat webhook (Slack, Mattermost and others that take {"text": …}). Without a webhook it only returns the report.
//
// +cache="never"
func (m *SensorBackend) Notify(
	ctx context.Context,
	// Text to post.
	report string,
	// Address to post to, such as env://WEBHOOK_URL. It is a secret: who has it can post.
	// +optional
	webhook *dagger.Secret,
) (string, error) {
	return report, notify(ctx, report, webhook)
}

func notify(ctx context.Context, report string, webhook *dagger.Secret) error {
	if webhook == nil {
		return nil
	}
	address, err := webhook.Plaintext(ctx)
	if err != nil {
		return fmt.Errorf("read the webhook's address: %w", err)
	}
	payload, err := json.Marshal(map[string]string{"text": "```\n" + report + "\n```"})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(address), bytes.NewReader(payload))
	if err != nil {
		// The error would quote the address.
		return errors.New("post to the webhook: its address is malformed")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err
		}
		return fmt.Errorf("post to the webhook: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("post to the webhook: it answers %s", response.Status)
	}
	return nil
}
