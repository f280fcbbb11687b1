package main

import "dagger/sensor-backend/pipeline"

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

// firstCause is the error of the first stage that failed; nil if none did.
func firstCause(results []pipeline.Result) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}
