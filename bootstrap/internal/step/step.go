// Package step runs named steps, each once for a given content of its inputs.
package step

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sensor-backend/bootstrap/internal/cache"
)

// Step is one piece of work.
type Step struct {
	// Name identifies the step in stamps and log files.
	Name string
	// Title is what a progress line says.
	Title string
	// Needs are the names of steps that must have ended well before. They
	// stand earlier in the list.
	Needs []string
	// Lane serialises: of the steps of one lane, one runs at a time, in the
	// order of the list. An empty lane is a lane of its own.
	Lane string
	// Key is everything the result depends on, apart from the needed steps,
	// whose keys are added. A step whose key is nil runs every time.
	Key []string
	// Outputs are the paths that must exist for the step to count as done.
	Outputs []string
	// About says what is made, its version for one, when someone asks.
	About string
	// Files are the files and directories made, to know their size.
	Files []string
	// Run does the work. What it writes to log is kept.
	Run func(ctx context.Context, log io.Writer) error
}

// Stamp records a finished step.
type Stamp struct {
	Key      string    `json:"key"`
	Finished time.Time `json:"finished"`
	Seconds  float64   `json:"seconds"`
}

// Runner runs steps and keeps their stamps in a cache directory.
type Runner struct {
	Cache cache.Dir
	// Out receives the progress lines.
	Out io.Writer
	// Now is the clock.
	Now func() time.Time

	mu sync.Mutex
}

// Fingerprint makes one key of many parts.
func Fingerprint(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Keys computes every step's full key: its own parts and the keys of what it
// needs. Steps without a key have none and add none.
func Keys(steps []Step) (map[string]string, error) {
	keys := make(map[string]string, len(steps))
	seen := make(map[string]bool, len(steps))
	for _, s := range steps {
		if seen[s.Name] {
			return nil, fmt.Errorf("step %s: named twice", s.Name)
		}
		parts := append([]string{s.Name}, s.Key...)
		for _, need := range s.Needs {
			if !seen[need] {
				return nil, fmt.Errorf("step %s: needs %s, which does not stand before it", s.Name, need)
			}
			parts = append(parts, keys[need])
		}
		seen[s.Name] = true
		if s.Key != nil {
			keys[s.Name] = Fingerprint(parts...)
		}
	}
	return keys, nil
}

// Pending gives the names of the steps that have a key and would run.
func (r *Runner) Pending(steps []Step) ([]string, error) {
	keys, err := Keys(steps)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range steps {
		if s.Key != nil && !r.done(s, keys[s.Name]) {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// State of a step's result.
type State string

// The states.
const (
	Ready     State = "ready"
	OutOfDate State = "out of date"
	Missing   State = "missing"
)

// State says whether a step's result is there and made of the same inputs as
// it would be now.
func (r *Runner) State(s Step, key string) State {
	switch {
	case missing(s) != nil:
		return Missing
	case !r.done(s, key):
		return OutOfDate
	default:
		return Ready
	}
}

// Stamp reads the record of a finished step.
func (r *Runner) Stamp(name string) (Stamp, bool) {
	var stamp Stamp
	content, err := os.ReadFile(r.stampPath(name))
	if err != nil || json.Unmarshal(content, &stamp) != nil {
		return Stamp{}, false
	}
	return stamp, true
}

// Run runs the steps, side by side where needs and lanes allow. The first
// failure stops what has not begun and cancels what runs.
func (r *Runner) Run(ctx context.Context, steps []Step) error {
	keys, err := Keys(steps)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	ended := make(map[string]chan struct{}, len(steps))
	lanes := make(map[string][]int)
	var order []string
	for i, s := range steps {
		ended[s.Name] = make(chan struct{})
		lane := s.Lane
		if lane == "" {
			lane = "step " + s.Name
		}
		if lanes[lane] == nil {
			order = append(order, lane)
		}
		lanes[lane] = append(lanes[lane], i)
	}

	failures := make([]error, len(steps))
	var wg sync.WaitGroup
	for _, lane := range order {
		wg.Go(func() {
			for _, i := range lanes[lane] {
				s := steps[i]
				if err := waitAll(ctx, s.Needs, ended); err != nil {
					return
				}
				label := fmt.Sprintf("[%d/%d] %s", i+1, len(steps), s.Title)
				if err := r.one(ctx, s, keys[s.Name], label); err != nil {
					failures[i] = err
					cancel(errors.New("another step failed"))
					return
				}
				close(ended[s.Name])
			}
		})
	}
	wg.Wait()
	return firstReal(ctx, failures)
}

// one runs a step, or finds it done.
func (r *Runner) one(ctx context.Context, s Step, key, label string) error {
	if s.Key != nil && r.done(s, key) {
		return r.say("%s … up to date\n", label)
	}
	if err := r.say("%s\n", label); err != nil {
		return err
	}
	logPath := filepath.Join(r.Cache.Logs(), s.Name+".log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("%s: open its log: %w", s.Title, err)
	}
	start := r.Now()
	err = s.Run(ctx, log)
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	took := r.Now().Sub(start)
	if err == nil {
		err = missing(s)
	}
	if err != nil {
		_ = r.say("%s … failed after %s\n", label, Duration(took))
		return fmt.Errorf("%s: %w (log: %s)", s.Title, err, logPath)
	}
	if s.Key != nil {
		content, err := json.Marshal(Stamp{Key: key, Finished: r.Now(), Seconds: took.Seconds()})
		if err != nil {
			return fmt.Errorf("%s: record: %w", s.Title, err)
		}
		if err := r.Cache.WriteFile(r.stampPath(s.Name), content, 0o644); err != nil {
			return fmt.Errorf("%s: record: %w", s.Title, err)
		}
	}
	return r.say("%s … %s\n", label, Duration(took))
}

func (r *Runner) done(s Step, key string) bool {
	stamp, ok := r.Stamp(s.Name)
	return ok && stamp.Key == key && missing(s) == nil
}

func (r *Runner) stampPath(name string) string {
	return filepath.Join(r.Cache.Stamps(), name+".json")
}

func (r *Runner) say(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := fmt.Fprintf(r.Out, format, args...)
	return err
}

func missing(s Step) error {
	for _, path := range s.Outputs {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("output is missing: %w", err)
		}
	}
	return nil
}

func waitAll(ctx context.Context, needs []string, ended map[string]chan struct{}) error {
	for _, need := range needs {
		select {
		case <-ended[need]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// firstReal prefers the failure that caused the others to be canceled.
func firstReal(ctx context.Context, failures []error) error {
	var first error
	for _, err := range failures {
		switch {
		case err == nil:
		case !errors.Is(err, context.Cause(ctx)):
			return err
		case first == nil:
			first = err
		}
	}
	if first == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return first
}

// Duration writes a time as progress lines show it: 340ms, 4.2s, 2m10s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
