package pipeline

import (
	"fmt"
	"slices"
)

// Half is one of two stages that only make sense together.
type Half struct {
	// Stage is its name.
	Stage string
	// Undo undoes what it did and says so in a few words.
	Undo func() (did string, err error)
}

// Compensate makes two stages one thing: if both ran and only one of them passed,
// that one is taken back. Its result tells so, and is a failure if it could not
// be.
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
	r := &results[at[passing]]
	did, err := halves[passing].Undo()
	if err != nil {
		r.Outcome, r.Err = Failed, fmt.Errorf("deployed, and not taken back although the other half failed: %w", err)
		return
	}
	r.Produced += "; " + did
}
