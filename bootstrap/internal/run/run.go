// Package run starts other programs, behind an interface that tests can fake.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is one program to run.
type Command struct {
	Name string
	Args []string
	// Dir is the working directory; empty is the caller's own.
	Dir string
	// Env is added to the caller's environment.
	Env []string
	// Stdout receives the standard output; nil drops it.
	Stdout io.Writer
	// Stderr receives the standard error; nil drops it.
	Stderr io.Writer
}

// String is the command as one would type it, for logs and errors.
func (c Command) String() string {
	return strings.Join(append([]string{c.Name}, c.Args...), " ")
}

// Executor runs commands.
type Executor interface {
	// Run returns when the command has ended; a non-zero exit is an error.
	Run(ctx context.Context, c Command) error
}

// Error says which command failed and the end of what it wrote to its
// standard error.
type Error struct {
	Command string
	Tail    string
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Tail == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, e.Tail)
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// System runs commands on this machine. A canceled context ends the command
// and everything it started: it runs in a process group of its own.
type System struct{}

// Run implements Executor.
func (System) Run(ctx context.Context, c Command) error {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	last := &tail{limit: 2000}
	cmd.Stdout = c.Stdout
	cmd.Stderr = io.Writer(last)
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(last, c.Stderr)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			// What the command started and did not end with it, such as a client of
			// Dagger that still looks for its engine, ignores SIGTERM.
			if cmd.Process != nil {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
			err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
		return &Error{Command: c.String(), Tail: strings.TrimSpace(last.String()), Err: err}
	}
	return nil
}

// Output runs the command and gives what it wrote to its standard output,
// without the space around it.
func Output(ctx context.Context, ex Executor, c Command) (string, error) {
	var out bytes.Buffer
	c.Stdout = &out
	if err := ex.Run(ctx, c); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// tail keeps the last bytes written to it.
type tail struct {
	limit int
	buf   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - t.limit; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.buf) }
