// Package cli is the command line of the bootstrap.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sensor-backend/bootstrap/internal/cache"
	"sensor-backend/bootstrap/internal/proc"
	"sensor-backend/bootstrap/internal/run"
)

// launchCommand is what this program calls itself with to become another.
const launchCommand = "launch"

const usage = `usage: go run ./bootstrap COMMAND

Makes sure that this machine can run Dagger, with Docker or without.

  up      build and start what is missing; prints the line for your shell
  build   make what is missing and start nothing
  down    stop what up started; keeps what was built
  status  show what is there and what is missing
  env     print the line for your shell: eval "$(go run ./bootstrap env)"
  step NAME PROGRAM [ARGUMENT...]
          run a program with a usable Dagger and show how far it is
`

// App is one call of the program.
type App struct {
	Cache cache.Dir
	Exec  run.Executor
	Procs proc.Manager
	// Self is this program's file.
	Self   string
	Out    io.Writer
	ErrOut io.Writer
}

// Main runs the command line and gives the exit status.
func Main(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := cache.Default()
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "error:", err)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "error: find this program:", err)
		return 1
	}
	app := App{
		Cache: dir, Exec: run.System{}, Self: self, Out: out, ErrOut: errOut,
		Procs: proc.Manager{Cache: dir, Table: proc.System(), Now: time.Now, Launcher: []string{self, launchCommand}},
	}
	err = app.Run(ctx, args)
	var failed *stepError
	switch {
	case errors.As(err, &failed) && ctx.Err() == nil:
		return failed.code
	case errors.Is(err, errUsage):
		_, _ = fmt.Fprint(errOut, usage)
		return 2
	case err != nil && ctx.Err() != nil:
		_, _ = fmt.Fprintln(errOut, "interrupted; the next run goes on from here")
		return interrupted
	case err != nil:
		_, _ = fmt.Fprintln(errOut, "error:", err)
		return 1
	}
	return 0
}

// interrupted is the exit status after a signal, as shells have it for Ctrl-C.
const interrupted = 130

var errUsage = errors.New("wrong usage")

// Run runs one command.
func (a App) Run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return errUsage
	case args[0] == serveCommand:
		return serve(ctx, args[1:])
	case args[0] == launchCommand:
		return proc.Launch(args[1:])
	case args[0] == "step":
		return a.step(ctx, args[1:])
	case len(args) > 1:
		return errUsage
	}
	switch args[0] {
	case "up":
		return a.up(ctx)
	case "build":
		return a.build(ctx)
	case "down":
		return a.down(ctx)
	case "status":
		return a.status(ctx)
	case "env":
		return a.env(ctx)
	case "help", "-h", "--help":
		_, err := fmt.Fprint(a.Out, usage)
		return err
	default:
		return errUsage
	}
}

func (a App) say(format string, args ...any) error {
	_, err := fmt.Fprintf(a.ErrOut, format, args...)
	return err
}
