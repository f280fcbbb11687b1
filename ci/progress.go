package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/redact"
)

// A process serves one call. Its standard output, what it has printed there and the
// secrets that it has read are what all of its code shares.
var (
	// secretsGiven takes secrets out of everything that is printed or returned.
	secretsGiven redact.Redactor
	// stdout guards standard output.
	stdout sync.Mutex
	// printed keeps what the stages said, for the run's report.
	printed pipeline.Journal
)

// progress writes one line with the time of day where the caller's terminal
// shows it, without secrets. Lines of stages that run side by side do not mix.
func progress(format string, args ...any) {
	line := time.Now().Format("15:04:05 ") + secretsGiven.Text(fmt.Sprintf(format, args...)) + "\n"
	printed.Note(line)
	stdout.Lock()
	defer stdout.Unlock()
	_, _ = os.Stdout.WriteString(line)
}

// plaintext reads a secret, which from then on shows nowhere; what names it in
// errors. It is empty for nil and for an empty secret, which is what a workflow
// has for a secret that nobody set.
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

// redactResult takes secrets out of what a function returns.
func redactResult(result *string, err *error) {
	*result, *err = secretsGiven.Text(*result), secretsGiven.Error(*err)
}
