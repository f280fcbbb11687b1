package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/redact"
	"dagger/sensor-backend/rollout"

	"github.com/vektah/gqlparser/v2/gqlerror"
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

// withExitCode gives an error the exit code of the outcome it carries: the dagger
// CLI ends with the code of an error that says it is a command's. Errors without
// an outcome end with 1. What it returns shows no secret.
func withExitCode(err error) error {
	code := exitCode(err)
	if code <= 1 {
		return secretsGiven.Error(err)
	}
	return &gqlerror.Error{Message: secretsGiven.Text(err.Error()), Extensions: execError(code)}
}

// execError is the form in which an error carries an exit code.
func execError(code int) map[string]any {
	return map[string]any{"_type": "EXEC_ERROR", "exitCode": code, "cmd": []string{}, "stdout": "", "stderr": ""}
}

// exitCode is the process exit code for err.
func exitCode(err error) int {
	var drift *driftError
	if errors.As(err, &drift) {
		return drift.ExitCode()
	}
	return rollout.ExitCode(err)
}

// runError is a run of which a stage failed: it shows the whole report, and
// carries the outcome of the first failure.
type runError struct {
	cause  error
	report string
}

// Error is the report.
func (e *runError) Error() string { return e.report }

// Unwrap returns the first failure.
func (e *runError) Unwrap() error { return e.cause }

// firstFailure is the error of the first stage that failed; nil if none did.
func firstFailure(results []pipeline.Result) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// driftError is a world that is not as the configuration says.
type driftError struct {
	places []string
}

// Error lists the differences.
func (e *driftError) Error() string {
	return fmt.Sprintf("the world differs from the configuration in %d places:\n%s", len(e.places), strings.Join(e.places, "\n"))
}

// ExitCode is that of terraform plan -detailed-exitcode for a difference.
func (e *driftError) ExitCode() int { return 2 }
