package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/redact"
)

// secretsGiven takes secrets out of everything that this process prints or
// returns. A process serves one call, whose secrets it learns as it reads them.
var secretsGiven redact.Redactor

// plaintext reads a secret, which from then on shows nowhere; what names it in
// errors. It is empty for none, and for an empty one: what a workflow has for a
// secret that nobody set.
func plaintext(ctx context.Context, secret *dagger.Secret, what string) (string, error) {
	if secret == nil {
		return "", nil
	}
	value, err := secret.Plaintext(ctx)
	if err != nil {
		return "", fmt.Errorf("read %s: %w; is the variable that the argument names set?", what, err)
	}
	value = strings.TrimSpace(value)
	secretsGiven.Learn(value)
	return value, nil
}

// clean takes secrets out of what a function returns.
func clean(text *string, err *error) {
	*text, *err = secretsGiven.Text(*text), secretsGiven.Error(*err)
}
