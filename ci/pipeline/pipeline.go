// Package pipeline runs named stages in the order that their needs allow and returns
// the result of each. It knows nothing of what a stage does.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Outcome is how a stage ended.
type Outcome string

// The outcomes a stage can have. Only Passed is a success; Skipped is not one,
// because what the stage would have done is not done.
const (
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
	Skipped  Outcome = "skipped"
	Canceled Outcome = "canceled"
)

// Stage is one step of a pipeline.
type Stage struct {
	// Name identifies the stage in Needs and in the report.
	Name string
	// Needs names the stages that must have passed before this one starts.
	// A name that is not part of the run is taken as met: choosing a stage
	// by hand means that what it depends on exists already.
	Needs []string
	// Ahead prepares Run while the stages in Needs still run: it reads and computes,
	// and changes nothing that others see, as it runs before their verdict. It is
	// canceled once one of them did not pass. Its error is the stage's. Nil prepares
	// nothing.
	Ahead func(ctx context.Context) error
	// Run does the work and returns, in one line, what it produced.
	Run func(ctx context.Context) (produced string, err error)
}

// Result is how one stage ended.
type Result struct {
	Stage   string
	Outcome Outcome
	// Started is when the stage began; zero if it never did.
	Started  time.Time
	Elapsed  time.Duration
	Produced string
	// Err is why a stage failed; nil otherwise.
	Err error
	// Because names the stage whose failure made this one be skipped.
	Because string
}

// Run executes the stages, side by side where their needs allow, and returns
// one result for each, in the order given. A stage runs only when all it
// needs has passed and its own Ahead has ended; a canceled context stops what has not
// started yet. The clock is now; pass time.Now outside tests.
//
// Needs must point backwards in the list, which excludes cycles: Run panics
// otherwise, since the list is written in code, not by a user.
func Run(ctx context.Context, stages []Stage, now func() time.Time) []Result {
	results := make([]Result, len(stages))
	done := make([]chan struct{}, len(stages))
	index := make(map[string]int, len(stages))
	needs := make([][]int, len(stages))
	for i, s := range stages {
		done[i] = make(chan struct{})
		for _, need := range s.Needs {
			if j, ok := index[need]; ok {
				needs[i] = append(needs[i], j)
			}
		}
		if _, twice := index[s.Name]; twice {
			panic("pipeline: stage " + s.Name + " is listed twice")
		}
		index[s.Name] = i
	}
	for _, s := range stages {
		for _, need := range s.Needs {
			if j, ok := index[need]; ok && j >= index[s.Name] {
				panic("pipeline: stage " + s.Name + " needs a later stage")
			}
		}
	}

	var all sync.WaitGroup
	for i, s := range stages {
		all.Go(func() {
			defer close(done[i])
			s, stop := ahead(ctx, s)
			defer stop()
			for _, j := range needs[i] {
				<-done[j]
			}
			results[i] = runOne(ctx, s, needs[i], results, now)
		})
	}
	all.Wait()
	return results
}

// ahead starts what a stage does ahead. Its Run then waits for that first. Stop ends
// what is still under way, and returns when it has ended.
func ahead(ctx context.Context, s Stage) (Stage, func()) {
	if s.Ahead == nil {
		return s, func() {}
	}
	preparing, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		_, failed = guarded(preparing, func(ctx context.Context) (string, error) { return "", s.Ahead(ctx) })
	}()
	run := s.Run
	s.Run = func(ctx context.Context) (string, error) {
		<-ended
		if failed != nil {
			return "", failed
		}
		return run(ctx)
	}
	return s, func() {
		cancel()
		<-ended
	}
}

func runOne(ctx context.Context, s Stage, needs []int, results []Result, now func() time.Time) Result {
	r := Result{Stage: s.Name}
	for _, j := range needs {
		if need := results[j]; need.Outcome != Passed {
			r.Outcome, r.Because = Skipped, need.Stage
			return r
		}
	}
	if ctx.Err() != nil {
		r.Outcome, r.Err = Canceled, context.Cause(ctx)
		return r
	}
	r.Started = now()
	r.Produced, r.Err = guarded(ctx, s.Run)
	r.Elapsed = now().Sub(r.Started)
	switch {
	case r.Err == nil:
		r.Outcome = Passed
	case ctx.Err() != nil && errors.Is(r.Err, ctx.Err()):
		r.Outcome = Canceled
	default:
		r.Outcome = Failed
	}
	return r
}

// guarded turns a panic of one stage into its failure, so that the others
// still end in order and the last stage can report it.
func guarded(ctx context.Context, run func(context.Context) (string, error)) (produced string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the stage panicked: %v", p)
		}
	}()
	return run(ctx)
}
