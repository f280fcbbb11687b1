package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/quiet"
)

// stepError is a step whose command failed, with its exit status.
type stepError struct{ code int }

// Error says the status.
func (e *stepError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// step runs a command with a usable Dagger at hand: "step NAME COMMAND...". It says
// its name and its time. On a terminal the command shows what it likes; elsewhere
// only the pipeline's own lines are shown, and all of its output is in a file.
func (a App) step(ctx context.Context, args []string) error {
	const words = 2
	if len(args) < words {
		return errUsage
	}
	name, program, arguments := args[0], args[1], args[words:]
	environment, err := a.environment(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := a.say("==> %s\n", name); err != nil {
		return err
	}
	if err := a.runStep(ctx, name, program, arguments, environment); err != nil {
		return err
	}
	return a.say("<== %s: %.0f s\n", name, time.Since(start).Seconds())
}

// environment is what a command needs to find a usable Dagger.
func (a App) environment(ctx context.Context) ([]string, error) {
	if _, running := a.Procs.Running(engineProcess); running {
		return []string{a.path(), engine.RunnerVariable + "=" + engine.Address}, nil
	}
	client, err := a.needsClient(ctx)
	if err != nil || !client {
		return nil, err
	}
	return []string{a.path()}, nil
}

func (a App) path() string {
	return "PATH=" + a.Cache.Bin() + string(os.PathListSeparator) + os.Getenv("PATH")
}

func (a App) runStep(ctx context.Context, name, program string, arguments, environment []string) error {
	environment = append(os.Environ(), environment...)
	file, err := find(program, environment)
	if err != nil {
		return err
	}
	// The context ends it, and not a signal to this program alone: the command gets
	// the terminal's own.
	cmd := exec.Command(file, arguments...) //nolint:noctx,gosec // see above; running what it is given is what this is for
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment, os.Stdin, a.Out, a.ErrOut
	if a.terminal() || filepath.Base(program) != "dagger" {
		return ended(cmd.Run())
	}
	log, err := os.Create(filepath.Join(a.Cache.Logs(), "step-"+strings.ReplaceAll(name, " ", "-")+".log")) //nolint:gosec // a name that the Makefile gives
	if err != nil {
		return fmt.Errorf("make a file for the output of %s: %w", name, err)
	}
	filter := &quiet.Filter{Shown: a.ErrOut, All: log, Now: time.Now}
	cmd.Stderr = filter
	cmd.Env = append(cmd.Env, "DAGGER_PROGRESS=plain", "DAGGER_NO_NAG=1", "NO_COLOR=1")
	stop := a.alive(name)
	err = forward(ctx, cmd)
	stop()
	if closed := log.Close(); closed != nil && err == nil {
		err = closed
	}
	// The client prints what a function returned without an end of its line.
	_, _ = fmt.Fprintln(a.Out)
	if err != nil {
		_ = a.say("%s\n\nAll of the output: %s\n", filter.Failure(), log.Name())
	}
	return ended(err)
}

// forward runs a command, and hands an interruption on to it: it ends what it
// started in the engine.
func forward(ctx context.Context, cmd *exec.Cmd) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return err
		case s := <-interrupts:
			_ = cmd.Process.Signal(s)
		case <-ctx.Done():
			_ = cmd.Process.Signal(os.Interrupt)
			return <-done
		}
	}
}

// alive says now and then that a step goes on.
func (a App) alive(name string) (stop func()) {
	ended := make(chan struct{})
	start := time.Now()
	go func() {
		ticker := time.NewTicker(aliveEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case now := <-ticker.C:
				_ = a.say("%s %s: %.0f s so far\n", now.Format(time.TimeOnly), name, now.Sub(start).Seconds())
			}
		}
	}()
	return func() { close(ended) }
}

// aliveEvery is how often a step that runs says so.
const aliveEvery = time.Minute

// ended is the command's exit status as an error.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &stepError{code: exit.ExitCode()}
	}
	return err
}

// terminal reports whether a person looks on.
func (a App) terminal() bool {
	file, is := a.ErrOut.(*os.File)
	if !is {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// find searches for a program in the PATH of an environment.
func find(program string, environment []string) (string, error) {
	if strings.ContainsRune(program, filepath.Separator) {
		return program, nil
	}
	path := ""
	for _, variable := range environment {
		if value, is := strings.CutPrefix(variable, "PATH="); is {
			path = value // the last one counts
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 { //nolint:gosec // searching the PATH is what this is for
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not on the PATH: run go run ./bootstrap up first", program)
}
