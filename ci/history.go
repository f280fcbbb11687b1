package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/pipeline/dora"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
)

// History lists the last runs that worked on the environment, the newest first.
//
// Each row says when, of which commit, started by what, what it did and how it
// ended. The records are saved beside Terraform's state. What rollback can go
// back to is listed by deployments.
//
// +cache="never"
func (m *SensorBackend) History(
	ctx context.Context,
	// How many runs to list, 1 to 1000.
	// +default=20
	last int,
) (string, error) {
	if last < 1 || last > 1000 {
		return "", fmt.Errorf("last %d: give 1 to 1000 runs", last)
	}
	return m.onRecords(ctx, func(saved record.Store) (string, []error, error) {
		records, unreadable, err := saved.Last(ctx, m.Environment, last)
		return report.Runs(records), unreadable, err
	})
}

// Dora computes DORA's four measures for the environment from the records of its runs.
//
// They are deployment frequency, lead time for changes, change failure rate and
// time to restore. What counts as what is said in package dora.
//
// +cache="never"
func (m *SensorBackend) Dora(
	ctx context.Context,
	// Length of the window that ends now, in days, 1 to 365.
	// +default=30
	days int,
) (string, error) {
	if days < 1 || days > 365 {
		return "", fmt.Errorf("days %d: give 1 to 365", days)
	}
	return m.onRecords(ctx, func(saved record.Store) (string, []error, error) {
		to := time.Now().UTC()
		from := to.AddDate(0, 0, -days)
		records, unreadable, err := saved.Since(ctx, m.Environment, from)
		return dora.Measure(records, from, to).String(), unreadable, err
	})
}

// onRecords returns what work makes of the records of the runs, and which of them
// could not be read.
func (m *SensorBackend) onRecords(ctx context.Context, work func(record.Store) (string, []error, error)) (string, error) {
	return m.onCloudAs(ctx, deploying, func(c *cloud) (string, error) {
		saved, err := m.records(ctx, c)
		if err != nil {
			return "", err
		}
		shown, unreadable, err := work(saved)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		b.WriteString(shown)
		for _, err := range unreadable {
			fmt.Fprintf(&b, "left out: %v\n", err)
		}
		return b.String(), nil
	})
}

// records is where the records of runs are saved: beside the state.
func (m *SensorBackend) records(ctx context.Context, c *cloud) (record.Store, error) {
	place, err := m.statePlace(ctx, c)
	return record.Store{API: c.s3(), Bucket: place.Bucket}, err
}

// attachment is a file that is saved beside a run's record.
type attachment struct {
	suffix, mediaType string
	content           []byte
}

// saveRecord saves the run's record with its page and what else there is. A run
// that worked on no environment leaves none; a record that cannot be saved
// changes no outcome.
func (m *SensorBackend) saveRecord(ctx context.Context, c *cloud, r record.Record, more ...attachment) {
	if c == nil {
		return
	}
	if err := m.putRecord(context.WithoutCancel(ctx), c, r, more); err != nil {
		progress("the run's record is not saved: %v", err)
	}
}

func (m *SensorBackend) putRecord(ctx context.Context, c *cloud, r record.Record, more []attachment) error {
	saved, err := m.records(ctx, c)
	if err != nil {
		return err
	}
	page, err := report.HTML(r)
	if err != nil {
		return err
	}
	for _, a := range append(more, attachment{".html", "text/html; charset=utf-8", page}) {
		if err := saved.Attach(ctx, r, a.suffix, a.mediaType, a.content); err != nil {
			return err
		}
	}
	// Last, so that whoever finds a record finds the rest.
	return saved.Put(ctx, r)
}
