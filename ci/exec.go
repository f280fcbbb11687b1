package main

import (
	"context"
	"fmt"
	"time"

	"dagger/sensor-backend/excerpt"
	"dagger/sensor-backend/internal/dagger"
)

// anyExit lets a command fail without failing the call, so that its output can
// be put into the error.
var anyExit = dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny}

// passed waits for the container's last command and returns the container if
// that ended with 0. The error names what ran and ends with the last lines of
// what it wrote, without secrets.
func passed(ctx context.Context, run *dagger.Container, what string) (*dagger.Container, error) {
	code, err := run.ExitCode(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	if code == 0 {
		return run, nil
	}
	stdout, err := run.Stdout(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	stderr, err := run.Stderr(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	return nil, secretsGiven.Error(fmt.Errorf("%s failed (exit code %d):\n%s", what, code, excerpt.Of(stdout+"\n"+stderr)))
}

// fresh makes the next command run even if nothing it can see has changed: it
// acts on a world outside.
func fresh(c *dagger.Container) *dagger.Container {
	return c.WithEnvVariable("RUN_AT", time.Now().Format(time.RFC3339Nano))
}
