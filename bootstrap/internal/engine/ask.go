package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"sensor-backend/bootstrap/internal/run"
)

// clientVariable names the dagger program to Dagger's SDK, which would download one
// otherwise (dagger.io/dagger/engineconn).
const clientVariable = "_EXPERIMENTAL_DAGGER_CLI_BIN"

// Ask has the engine at an address, such as Address, run a process and returns its
// version, such as v0.19.10, within the limit. query is the built program of engine/query, client the
// built dagger; what they write to their standard error goes to log.
//
// The query is a program in the engine's module, because Dagger's SDK needs versions
// that the workspace must not get.
func Ask(ctx context.Context, ex run.Executor, query, client, address string, limit time.Duration, log io.Writer) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	version, err := run.Output(ctx, ex, run.Command{
		Name: query, Args: []string{address}, Stderr: log,
		Env: []string{clientVariable + "=" + client, "DAGGER_NO_NAG=1", "NO_COLOR=1"},
	})
	if err != nil {
		return "", fmt.Errorf("ask the engine: %w", err)
	}
	if version == "" {
		return "", fmt.Errorf("ask the engine at %s: it names no version", address)
	}
	return version, nil
}
