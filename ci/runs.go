package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/dora"
	"dagger/sensor-backend/report"
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
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	log, err := m.runLog(ctx, c)
	if err != nil {
		return "", err
	}
	records, unreadable, err := log.Last(ctx, m.Environment, last)
	if err != nil {
		return "", err
	}
	return report.Runs(records) + leftOut(unreadable), nil
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
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	log, err := m.runLog(ctx, c)
	if err != nil {
		return "", err
	}
	to := time.Now().UTC()
	from := to.AddDate(0, 0, -days)
	records, unreadable, err := log.Since(ctx, m.Environment, from)
	if err != nil {
		return "", err
	}
	return dora.Measure(records, from, to).String() + leftOut(unreadable), nil
}

// leftOut says which records could not be read.
func leftOut(unreadable []error) string {
	var text strings.Builder
	for _, err := range unreadable {
		fmt.Fprintf(&text, "left out: %v\n", err)
	}
	return text.String()
}
