// Package runtest fakes the running of commands in tests.
package runtest

import (
	"context"
	"fmt"
	"io"
	"sync"

	"sensor-backend/bootstrap/internal/run"
)

// Answer is what a faked command does.
type Answer struct {
	Stdout string
	Err    error
	// Do, when set, runs as the command.
	Do func(c run.Command) error
}

// Fake answers commands by name and records them.
type Fake struct {
	// Answers are looked up by the whole command line first, then by the
	// program's name. A command without an answer fails.
	Answers map[string]Answer

	mu       sync.Mutex
	commands []run.Command
}

// Run implements run.Executor.
func (f *Fake) Run(ctx context.Context, c run.Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	f.commands = append(f.commands, c)
	f.mu.Unlock()
	answer, ok := f.Answers[c.String()]
	if !ok {
		answer, ok = f.Answers[c.Name]
	}
	if !ok {
		return fmt.Errorf("%s: no such program", c)
	}
	if c.Stdout != nil {
		if _, err := io.WriteString(c.Stdout, answer.Stdout); err != nil {
			return err
		}
	}
	if answer.Do != nil {
		return answer.Do(c)
	}
	return answer.Err
}

// Commands gives what ran, in order.
func (f *Fake) Commands() []run.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]run.Command(nil), f.commands...)
}
