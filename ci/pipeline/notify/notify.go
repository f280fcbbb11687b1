// Package notify notifies others of a run: by Slack, SNS and GitHub. Nothing in it
// can fail a run or hide how it ended: each receiver gets a bounded time, all are
// notified at the same time, and the result for each is text. What a receiver answers
// is untrusted text, and no secret is in what is reported of it. Start at All.
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

// Sender notifies one receiver.
type Sender interface {
	// Name says who is notified, without an address, since that may be a secret.
	Name() string
	// Send notifies of a run and says in a few words what was sent. Neither that nor
	// the error holds a secret.
	Send(ctx context.Context, r record.Record) (what string, err error)
}

// Result is the result of one sender.
type Result struct {
	// Name is the sender's.
	Name string
	// What was sent; empty if there is an error.
	What string
	Err  error
}

// String is the name and what was sent, or why nothing was.
func (t Result) String() string {
	if t.Err != nil {
		return t.Name + ": NOT notified: " + t.Err.Error()
	}
	return t.Name + ": " + t.What
}

// All lets all senders notify of a run at the same time, each for at most limit, and
// returns their results in their order. It returns in time even if a sender does
// not.
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

// Summary says in one line how all senders ended.
func Summary(results []Result) string {
	parts := make([]string, len(results))
	for i, t := range results {
		parts[i] = t.String()
	}
	return strings.Join(parts, "; ")
}

// Err is nil if everyone was notified, and otherwise says who was not.
func Err(results []Result) error {
	var failed []error
	for _, t := range results {
		if t.Err != nil {
			failed = append(failed, fmt.Errorf("%s: NOT notified: %w", t.Name, t.Err))
		}
	}
	return errors.Join(failed...)
}
