package main

import (
	"errors"

	"dagger/sensor-backend/rollout"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// exits gives an error the exit code of the outcome it carries: the dagger CLI
// ends with the code of an error that says it is a command's. Errors without an
// outcome end with 1. What it returns shows no secret.
func exits(err error) error {
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
