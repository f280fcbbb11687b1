package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/preflight"
)

// env prints the line that a shell evaluates, and nothing where the dagger on
// PATH does.
func (a App) env(ctx context.Context) error {
	if _, running := a.Procs.Running(engineProcess); running {
		_, err := fmt.Fprintln(a.Out, a.engineLine())
		return err
	}
	client, err := a.needsClient(ctx)
	if err != nil || !client {
		return err
	}
	_, err = fmt.Fprintln(a.Out, a.clientLine())
	return err
}

// needsClient reports whether the dagger that was built here is needed, where there
// is no engine of the bootstrap: without a container runtime there is none to use.
func (a App) needsClient(ctx context.Context) (bool, error) {
	mode, _, err := preflight.ChooseMode(a.tools(ctx))
	if err != nil {
		return false, err
	}
	switch mode {
	case preflight.UseInstalled:
		return false, nil
	case preflight.ClientOnly:
		return true, nil
	default:
		return false, errors.New("the engine is not running; start it with: go run ./bootstrap up")
	}
}

func (a App) clientLine() string {
	return "export PATH=" + quote(a.Cache.Bin()) + `:"$PATH"`
}

func (a App) engineLine() string {
	return a.clientLine() + " " + engine.RunnerVariable + "=" + engine.Address
}

// quote makes a word that a shell takes as it is.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// tools is what the machine has to run Dagger.
func (a App) tools(ctx context.Context) preflight.Tools {
	return preflight.LookForTools(ctx, a.Exec, os.Getenv(engine.RunnerVariable))
}
