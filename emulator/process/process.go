// Package process runs a program in a directory that serves as its file system,
// as a container would: with the image's user and environment, and with the
// children it leaves in its process group ended when it ends.
package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultPath is the PATH of an image that sets none.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// busyTries is how often a program that is being written to is tried: for about
// half a second.
const busyTries = 32

// Spec says what to run.
type Spec struct {
	// Root is the directory that becomes /.
	Root string
	// Args are the program and its arguments.
	Args []string
	// Env is the whole environment.
	Env []string
	// Dir is the working directory inside Root; "" is /.
	Dir string
	// User is "", "user", "user:group", with names or numbers.
	User string
	// Stdout and Stderr take the output.
	Stdout, Stderr io.Writer
}

// Process is a running program.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	code int
}

// Start starts a program.
func Start(spec Spec) (*Process, error) {
	if len(spec.Args) == 0 {
		return nil, errors.New("no command specified: the image has neither entry point nor command")
	}
	dir := spec.Dir
	if dir == "" {
		dir = "/"
	}
	program, err := lookPath(spec.Root, dir, spec.Args[0], spec.Env)
	if err != nil {
		return nil, err
	}
	credential, err := FindUser(spec.Root, spec.User)
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	for try := range busyTries {
		cmd = &exec.Cmd{
			Path: program, Args: spec.Args, Env: spec.Env, Dir: dir,
			Stdout: spec.Stdout, Stderr: spec.Stderr,
			SysProcAttr: &syscall.SysProcAttr{Chroot: spec.Root, Credential: credential, Setpgid: true},
			WaitDelay:   500 * time.Millisecond,
		}
		// A fork elsewhere in this program holds, until it has become another
		// program, the descriptor by which this file was just written.
		if err = cmd.Start(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("exec: %q: %w", spec.Args[0], err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait sees the program end, ends whatever it left behind, and only then lets
// its number go.
func (p *Process) wait() {
	defer close(p.done)
	pid := p.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = p.cmd.Wait() // its state says it all
	reap(pid)
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.cmd.ProcessState
	if state == nil {
		p.code = 255
		return
	}
	p.code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		p.code = 128 + int(status.Signal())
	}
}

// reap collects the orphans of a process group that became our children.
func reap(group int) {
	for {
		pid, err := syscall.Wait4(-group, nil, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// Done is closed when the program and its children have ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the program's, or 128 and the signal that ended it.
func (p *Process) ExitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// Signal sends a signal to the program's whole group.
func (p *Process) Signal(signal syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
	}
}

// Stop asks the program to end, and makes it when it has not after grace. The
// signal goes to the program alone, as a container runtime sends it.
func (p *Process) Stop(signal syscall.Signal, grace time.Duration) {
	select {
	case <-p.done:
		return
	default:
		_ = p.cmd.Process.Signal(signal)
		p.Signal(syscall.SIGCONT)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Signal(syscall.SIGKILL)
		<-p.done
	}
}

// lookPath finds a program inside root.
func lookPath(root, dir, program string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		if !path.IsAbs(program) {
			program = path.Join(dir, program)
		}
		return program, nil
	}
	for _, place := range strings.Split(Getenv(env, "PATH", DefaultPath), ":") {
		candidate := path.Join("/", place, program)
		if info, err := os.Lstat(filepath.Join(root, candidate)); err == nil && !info.IsDir() {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", program)
}

// Getenv reads a variable out of an environment.
func Getenv(env []string, name, otherwise string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return otherwise
}

// BecomeReaper makes orphans of our children our own, so that they can be ended.
func BecomeReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of orphaned processes: %w", err)
	}
	return nil
}
