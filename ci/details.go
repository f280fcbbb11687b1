package main

import (
	"strings"

	"dagger/sensor-backend/pipeline"
)

// details is the whole text of each failure, which the table cuts to a line.
func details(results []pipeline.Result) string {
	var b strings.Builder
	for _, r := range results {
		if r.Err != nil {
			b.WriteString("\n" + r.Stage + ": " + strings.TrimSpace(r.Err.Error()) + "\n")
		}
	}
	return b.String()
}

// runError is a run of which a stage failed: it tells the whole report, and
// carries the outcome of the first failure.
type runError struct {
	cause  error
	report string
}

// Error is the report.
func (e *runError) Error() string { return e.report }

// Unwrap returns the first failure.
func (e *runError) Unwrap() error { return e.cause }

// firstCause is the error of the first stage that failed.
func firstCause(results []pipeline.Result, otherwise error) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return otherwise
}

func without(names []string, name string) []string {
	var kept []string
	for _, n := range names {
		if n != name {
			kept = append(kept, n)
		}
	}
	return kept
}
