package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// readSecret finds the value that a secret names: an SSM parameter by name or
// ARN, or a Secrets Manager secret by ARN, with an optional JSON key.
func readSecret(ctx context.Context, moto Moto, region, from string) (string, error) {
	if rest, ok := cutARN(from, "secretsmanager"); ok {
		return readManagedSecret(ctx, moto, region, from, rest)
	}
	name := from
	if rest, ok := cutARN(from, "ssm"); ok {
		name = strings.TrimPrefix(rest, "parameter")
		// The ARN of a parameter without a path has one slash that is not its own.
		if strings.Count(name, "/") == 1 {
			name = strings.TrimPrefix(name, "/")
		}
	}
	var out struct {
		Parameter struct {
			Value string `json:"Value"`
		} `json:"Parameter"`
	}
	get := func(name string) error {
		return moto.JSON(ctx, region, "AmazonSSM.GetParameter", map[string]any{"Name": name, "WithDecryption": true}, &out)
	}
	err := get(name)
	if err != nil && name != from && !strings.HasPrefix(name, "/") {
		err = get("/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("fetching secret data from SSM Parameter Store: %s: %w", from, err)
	}
	return out.Parameter.Value, nil
}

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

// cutARN gives what follows the account in an ARN of a service.
func cutARN(arn, service string) (rest string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != service {
		return "", false
	}
	return parts[5], true
}
