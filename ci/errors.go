package main

import (
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

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
