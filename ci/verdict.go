package main

import (
	"errors"

	"dagger/sensor-backend/rollout"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// exits gives an error the exit code of the outcome it carries: the dagger CLI
// ends with the code of an error that says it is a command's. Errors without an
// outcome end with 1.
func exits(err error) error {
	code := rollout.ExitCode(err)
	var drift *driftError
	if errors.As(err, &drift) {
		code = drift.ExitCode()
	}
	if code <= 1 {
		return err
	}
	return &gqlerror.Error{
		Message: err.Error(),
		Extensions: map[string]any{
			"_type": "EXEC_ERROR", "exitCode": code, "cmd": []string{}, "stdout": "", "stderr": "",
		},
	}
}
