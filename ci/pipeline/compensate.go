package pipeline

import (
	"errors"
	"fmt"
	"slices"
)

// Half is one of two stages that only make sense together.
type Half struct {
	// Stage is its name.
	Stage string
	// Ended is true when it is known that nothing that the stage began goes on: a
	// deployment that timed out, was lost sight of or whose caller was canceled may
	// still complete. It is asked only of a stage that began and did not pass.
	Ended bool
	// Undo undoes what the stage did and says so in a few words. It is called only
	// for a stage that passed.
	Undo func() (did string, err error)
}

// Compensate makes two stages one thing: if both are part of the run and only one of
// them passed, that one is undone, so that both run what ran before. Its result says
// so, and is a failure if it could not be undone.
//
// That needs the other one to have ended without success: one that may still complete
// would leave the two apart, which undoing is to prevent. Such a half is open: neither
// is undone, and both results say so.
func Compensate(results []Result, halves [2]Half) {
	at := [2]int{}
	passed := [2]bool{}
	for i, h := range halves {
		at[i] = slices.IndexFunc(results, func(r Result) bool { return r.Stage == h.Stage })
		if at[i] < 0 {
			return
		}
		passed[i] = results[at[i]].Outcome == Passed
	}
	if passed[0] == passed[1] {
		return
	}
	passing := slices.Index(passed[:], true)
	r, other := &results[at[passing]], &results[at[1-passing]]
	if !other.Started.IsZero() && !halves[1-passing].Ended {
		r.Produced += fmt.Sprintf("; not undone: %s is open", other.Stage)
		other.Err = errors.Join(other.Err, fmt.Errorf("open: %s may still complete, so %s stays as deployed: let the next status or deploy finish it", other.Stage, r.Stage))
		return
	}
	did, err := halves[passing].Undo()
	if err != nil {
		r.Outcome, r.Err = Failed, fmt.Errorf("deployed, and not undone although %s failed: %w", other.Stage, err)
		return
	}
	r.Produced += "; " + did
}
