package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/dora"
	"dagger/sensor-backend/report"
	"dagger/sensor-backend/runlog"
)

// History lists the last runs that worked on the environment, the newest first: when, of which commit, started by what, what it did and how it ended. The records are kept beside Terraform's state. (What rollback can go back to is listed by deployments.)
//
// +cache="never"
func (m *SensorBackend) History(
	ctx context.Context,
	// How many runs to list, 1 to 1000.
	// +default=20
	last int,
) (shown string, err error) {
	defer clean(&shown, &err)
	if last < 1 || last > 1000 {
		return "", fmt.Errorf("last %d: give 1 to 1000 runs", last)
	}
	return m.ofRuns(ctx, func(log runlog.Log) (string, []error, error) {
		records, unreadable, err := log.Last(ctx, m.Environment, last)
		return report.Runs(records), unreadable, err
	})
}

// Dora computes DORA's four measures for the environment from the records of its runs: deployment frequency, lead time for changes, change failure rate and time to restore. What counts as what is said in package dora.
//
// +cache="never"
func (m *SensorBackend) Dora(
	ctx context.Context,
	// Length of the window that ends now, in days, 1 to 365.
	// +default=30
	days int,
) (shown string, err error) {
	defer clean(&shown, &err)
	if days < 1 || days > 365 {
		return "", fmt.Errorf("days %d: give 1 to 365", days)
	}
	return m.ofRuns(ctx, func(log runlog.Log) (string, []error, error) {
		to := time.Now().UTC()
		from := to.AddDate(0, 0, -days)
		records, unreadable, err := log.Since(ctx, m.Environment, from)
		return dora.Measure(records, from, to).String(), unreadable, err
	})
}

// ofRuns returns what tell makes of the records of the runs, and which of them
// could not be read.
func (m *SensorBackend) ofRuns(ctx context.Context, tell func(runlog.Log) (string, []error, error)) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	log, err := m.runLog(ctx, c)
	if err != nil {
		return "", err
	}
	told, unreadable, err := tell(log)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString(told)
	for _, err := range unreadable {
		fmt.Fprintf(&text, "left out: %v\n", err)
	}
	return text.String(), nil
}
