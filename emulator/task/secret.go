package task

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// readManagedSecret reads arn:…:secret:NAME[:KEY[:STAGE[:VERSION]]].
func readManagedSecret(ctx context.Context, moto Moto, region, from, rest string) (string, error) {
	parts := strings.Split(rest, ":")
	if len(parts) < 2 || parts[0] != "secret" {
		return "", fmt.Errorf("fetching secret data from Secrets Manager: %s is not the ARN of a secret", from)
	}
	id, key := strings.TrimSuffix(from, ":"+strings.Join(parts[2:], ":")), ""
	if len(parts) == 2 {
		id = from
	}
	if len(parts) > 2 {
		key = parts[2]
	}
	var out struct {
		Value string `json:"SecretString"`
	}
	if err := moto.JSON(ctx, region, "secretsmanager.GetSecretValue", map[string]string{"SecretId": id}, &out); err != nil {
		return "", fmt.Errorf("fetching secret data from Secrets Manager: %s: %w", from, err)
	}
	if key == "" {
		return out.Value, nil
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(out.Value), &values); err != nil {
		return "", fmt.Errorf("fetching secret data from Secrets Manager: %s is not JSON, and a key was asked for: %w", id, err)
	}
	value, ok := values[key]
	if !ok {
		return "", fmt.Errorf("fetching secret data from Secrets Manager: %s has no key %q", id, key)
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	raw, err := json.Marshal(value)
	return string(raw), err
}
