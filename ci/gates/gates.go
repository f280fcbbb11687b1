// Package gates says what a check means for the pipeline: it passed, it found
// something, or it could not look; and whether that stops the pipeline, which
// the caller decides gate by gate. Start at Plan and Result.
package gates

import (
	"fmt"
	"slices"
	"strings"

	"dagger/sensor-backend/text"
)

// Mode is what a gate's verdict counts for.
type Mode string

// The modes of a gate.
const (
	// On lets findings stop the pipeline.
	On Mode = "on"
	// Advisory shows findings and goes on.
	Advisory Mode = "advisory"
	// Off does not look.
	Off Mode = "off"
)

// Outcome is what became of a gate.
type Outcome string

// The outcomes of a gate.
const (
	// Passed means that the gate looked at everything and objects to nothing.
	Passed Outcome = "passed"
	// Failed means that there are findings, or that the gate broke.
	Failed Outcome = "failed"
	// NotChecked means that the gate could not look, through no fault of what
	// it was to look at: it is neither a pass nor a failure.
	NotChecked Outcome = "not checked"
	// Skipped means that the gate is off.
	Skipped Outcome = "off"
)

// Result is one gate's verdict.
type Result struct {
	// Gate is the gate's name.
	Gate    string
	Mode    Mode
	Outcome Outcome
	// Findings are what the gate objects to, if it failed.
	Findings []Finding
	// Note says in one line what was looked at, or why it could not be.
	Note string
	// Seconds is how long the gate took.
	Seconds float64
}

// Finding is one thing that a gate objects to.
type Finding struct {
	// Rule names what is broken, such as G101 or GO-2024-2687.
	Rule string
	// Message says so in words.
	Message string
	// File is where, relative to the repository, and Line the line in it,
	// counted from 1; empty and 0 if the finding has no place.
	File string
	Line int
}

// String is the finding as compilers print theirs.
func (f Finding) String() string {
	var place string
	switch {
	case f.File != "" && f.Line > 0:
		place = fmt.Sprintf("%s:%d: ", f.File, f.Line)
	case f.File != "":
		place = f.File + ": "
	}
	return fmt.Sprintf("%s%s (%s)", place, text.FirstLine(f.Message), f.Rule)
}

// Blocks says whether the pipeline must stop. Strict also stops for a gate that
// could not look.
func (r Result) Blocks(strict bool) bool {
	if r.Mode != On {
		return false
	}
	return r.Outcome == Failed || strict && r.Outcome == NotChecked
}

// Plan gives every gate its mode. Naming a gate that does not exist, or one as
// both off and advisory, is an error that lists the gates.
func Plan(all, off, advisory []string) (map[string]Mode, error) {
	modes := make(map[string]Mode, len(all))
	for _, gate := range all {
		modes[gate] = On
	}
	for mode, names := range map[Mode][]string{Off: off, Advisory: advisory} {
		for _, name := range names {
			switch before, known := modes[name]; {
			case !known:
				return nil, text.Unknown("gate", name, all, "--"+string(mode))
			case before != On && before != mode:
				return nil, fmt.Errorf("gate %q is both off and advisory: choose one", name)
			}
			modes[name] = mode
		}
	}
	return modes, nil
}

// Err names the gates that stop the pipeline, or is nil if none does.
func Err(results []Result, strict bool) error {
	var bad []string
	for _, r := range results {
		if r.Blocks(strict) {
			bad = append(bad, r.Gate+" "+string(r.Outcome))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("not every gate passed: %s", strings.Join(bad, ", "))
}

// Count says in a few words how the gates ended, such as "8 passed, 1 failed".
func Count(results []Result) string {
	var parts []string
	for _, outcome := range []Outcome{Passed, Failed, NotChecked, Skipped} {
		n := 0
		for _, r := range results {
			if r.Outcome == outcome {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	return strings.Join(parts, ", ")
}

// mostFindings is how many findings of one gate a report shows.
const mostFindings = 20

// Report is a table of the results and, below it, what was found.
func Report(results []Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %-9s %-12s %8s  %s\n", "GATE", "MODE", "OUTCOME", "SECONDS", "NOTE")
	for _, r := range results {
		note := text.FirstLine(r.Note)
		if r.Outcome == Failed && len(r.Findings) > 0 {
			note = fmt.Sprintf("%d findings", len(r.Findings))
		}
		fmt.Fprintf(&b, "%-16s %-9s %-12s %8.1f  %s\n", r.Gate, r.Mode, r.Outcome, r.Seconds, note)
	}
	for _, r := range results {
		if r.Outcome != Failed {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n", r.Gate)
		for _, f := range r.Findings[:min(len(r.Findings), mostFindings)] {
			fmt.Fprintf(&b, "  %s\n", f)
		}
		if more := len(r.Findings) - mostFindings; more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
		if len(r.Findings) == 0 {
			for line := range strings.Lines(strings.TrimSpace(r.Note)) {
				fmt.Fprintf(&b, "  %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	return b.String()
}

// Sort orders results as all lists the gates.
func Sort(results []Result, all []string) {
	slices.SortStableFunc(results, func(a, b Result) int {
		return slices.Index(all, a.Gate) - slices.Index(all, b.Gate)
	})
}
