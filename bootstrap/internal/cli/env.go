package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/preflight"
)

// env prints the line that a shell evaluates, and nothing where Docker and the
// dagger on PATH do.
func (a App) env(ctx context.Context) error {
	if _, running := a.Procs.Running(engineProcess); running {
		_, err := fmt.Fprintln(a.Out, a.engineLine())
		return err
	}
	mode, err := preflight.ChooseMode(preflight.LookForTools(ctx, a.Exec))
	if err != nil {
		return err
	}
	switch mode {
	case preflight.UseDocker:
		return nil
	case preflight.ClientOnly:
		_, err := fmt.Fprintln(a.Out, a.clientLine())
		return err
	default:
		return errors.New("the engine is not running; start it with: go run ./bootstrap up")
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
