// Package notify tells others of a run: by Slack, SNS and GitHub. Nothing in it
// can fail a run or hide how it ended: each receiver gets a bounded time, all are
// told side by side, and what became of each is text. What a receiver answers is
// a stranger's text, and no secret of ours is in what is said of it. Start at
// All.
package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/pipeline/record"
)

// Limit is how long one sender may take.
const Limit = 10 * time.Second

// Sender tells one receiver.
type Sender interface {
	// Name says who is told, without an address, since that may be a secret.
	Name() string
	// Send tells of a run and says in a few words what was told. Neither that nor
	// the error holds a secret.
	Send(ctx context.Context, r record.Record) (what string, err error)
}

// Result is what became of one sender.
type Result struct {
	// Name is the sender's.
	Name string
	// What was told; empty if there is an error.
	What string
	Err  error
}

// String is the name and what was told, or why it was not.
func (t Result) String() string {
	if t.Err != nil {
		return t.Name + ": NOT told: " + t.Err.Error()
	}
	return t.Name + ": " + t.What
}

// All lets all senders tell of a run, side by side, each for at most limit, and
// says in their order what became of each. It comes back in time even from a
// sender that does not.
func All(ctx context.Context, senders []Sender, r record.Record, limit time.Duration) []Result {
	results := make([]Result, len(senders))
	var all sync.WaitGroup
	for i, s := range senders {
		all.Go(func() { results[i] = one(ctx, s, r, limit) })
	}
	all.Wait()
	return results
}

func one(ctx context.Context, s Sender, r record.Record, limit time.Duration) Result {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	end := make(chan Result, 1)
	go func() {
		t := Result{Name: s.Name()}
		defer func() {
			if p := recover(); p != nil {
				t.Err = errors.New("the sender panicked")
			}
			end <- t
		}()
		t.What, t.Err = s.Send(within, r)
	}()
	var t Result
	select {
	case t = <-end:
	case <-within.Done():
		t = Result{Name: s.Name(), Err: within.Err()}
	}
	if errors.Is(t.Err, context.DeadlineExceeded) {
		t.Err = fmt.Errorf("no answer within %s", limit)
	}
	return t
}

// Line says in one line what became of all.
func Summary(results []Result) string {
	parts := make([]string, len(results))
	for i, t := range results {
		parts[i] = t.String()
	}
	return strings.Join(parts, "; ")
}

// Err is nil if everyone was told, and otherwise says who was not.
func Err(results []Result) error {
	var failed []error
	for _, t := range results {
		if t.Err != nil {
			failed = append(failed, fmt.Errorf("%s: NOT told: %w", t.Name, t.Err))
		}
	}
	return errors.Join(failed...)
}
