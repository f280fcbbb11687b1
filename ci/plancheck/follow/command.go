package follow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Command runs a command whose standard output is a Terraform run's: that goes to
// out, its standard error to errOut, and a line to shown whenever the status is
// another one after each interval. The exit code is the command's.
func Command(ctx context.Context, command []string, out, errOut, shown io.Writer, interval time.Duration) (code int, err error) {
	if len(command) == 0 {
		return 0, errors.New("no command to run: give one behind the two files")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	follower := &follower{out: out}
	cmd.Stdout, cmd.Stderr = follower, errOut
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("run %s: %w", command[0], err)
	}
	ended := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		last := ""
		for {
			select {
			case <-ended:
				return
			case now := <-ticker.C:
				if status := follower.status(now); status != last && status != "" {
					_, _ = fmt.Fprintf(shown, "%s infra: %s\n", now.Format(time.TimeOnly), status)
					last = status
				}
			}
		}
	})
	err = cmd.Wait()
	close(ended)
	showing.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Files makes the files that Command writes to.
func Files(out, errOut string) (*os.File, *os.File, error) {
	stdout, err := os.Create(out)
	if err != nil {
		return nil, nil, err
	}
	stderr, err := os.Create(errOut)
	if err != nil {
		_ = stdout.Close()
		return nil, nil, err
	}
	return stdout, stderr, nil
}

// follower writes on what a command writes, and reads its lines.
type follower struct {
	out io.Writer

	mu  sync.Mutex
	run Run
	// rest is a line that has not ended yet.
	rest []byte
}

// Write implements io.Writer.
func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rest = append(f.rest, p...)
	for {
		advance, line, _ := bufio.ScanLines(f.rest, false)
		if advance == 0 {
			break
		}
		f.run.Line(bytes.Clone(line), time.Now())
		f.rest = f.rest[advance:]
	}
	return f.out.Write(p)
}

func (f *follower) status(now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.run.Status(now)
}
