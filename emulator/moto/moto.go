// Package moto runs the unmodified moto server as a child process, with the
// operations it lacks added at start, and speaks to it.
package moto

import (
	"bytes"
	"context"
	_ "embed" // the shim below
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

//go:embed shim.py
var shim []byte

// Child is a running moto server.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs command (a Python 3 interpreter, possibly with a prefix such as
// chroot) with the shim on its standard input, serving on port of loopback.
// What moto prints goes to out. Moto outlives ctx, until Stop: tasks that end
// still send it their last log lines.
func Start(ctx context.Context, command []string, port int, out io.Writer) (*Child, error) {
	if len(command) == 0 {
		return nil, errors.New("start moto: the command is empty, give one such as python3")
	}
	args := append(append([]string{}, command[1:]...), "-", "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	//nolint:gosec // Running the interpreter it is given is what this is for.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], args...)
	cmd.Stdin = bytes.NewReader(shim)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start moto with %q: %w", command, err)
	}
	c := &Child{cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// Done is closed when moto has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how moto ended, once Done is closed.
func (c *Child) Err() error {
	if c.err == nil {
		return errors.New("moto ended by itself")
	}
	return fmt.Errorf("moto ended: %w", c.err)
}

// Stop ends moto and waits for it.
func (c *Child) Stop() {
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		slog.Warn("stopping moto", "error", err)
	}
	select {
	case <-c.done:
	case <-time.After(2 * time.Second):
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.done
	}
}

// WaitReady asks moto until it answers, ends, or ctx is done.
func (c *Child) WaitReady(ctx context.Context, client *Client) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if client.Ready(ctx) {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("wait for moto to answer: %w", c.Err())
		case <-ctx.Done():
			return fmt.Errorf("wait for moto to answer: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Ready says whether moto answers now. It asks for little: what moto knows of
// all resources, its usual sign of life, cannot always be put into JSON.
func (c *Client) Ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/moto-api/config", nil)
	if err != nil {
		return false
	}
	res, err := c.http.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode < http.StatusMultipleChoices
}
