package main

import (
	"context"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/record"
	"dagger/sensor-backend/report"
	"dagger/sensor-backend/runlog"
)

// attachment is a file that is kept beside a run's record.
type attachment struct {
	suffix, mediaType string
	content           []byte
}

// keep puts the run's record, its page and what else there is beside the state.
// A run that worked on no environment leaves none; a record that cannot be kept
// changes no outcome.
func (m *SensorBackend) keep(ctx context.Context, c *cloud, r record.Record, more ...attachment) {
	if c == nil {
		return
	}
	if err := m.keepIn(context.WithoutCancel(ctx), c, r, more); err != nil {
		say("the run's record is not kept: %v", err)
	}
}

func (m *SensorBackend) keepIn(ctx context.Context, c *cloud, r record.Record, more []attachment) error {
	log, err := m.runLog(ctx, c)
	if err != nil {
		return err
	}
	page, err := report.HTML(r)
	if err != nil {
		return err
	}
	for _, a := range append(more, attachment{".html", "text/html; charset=utf-8", page}) {
		if err := log.Attach(ctx, r, a.suffix, a.mediaType, a.content); err != nil {
			return err
		}
	}
	// Last, so that whoever finds a record finds the rest.
	return log.Put(ctx, r)
}

// runLog is where the records of runs are kept: beside the state.
func (m *SensorBackend) runLog(ctx context.Context, c *cloud) (runlog.Log, error) {
	place, err := m.statePlace(ctx, c)
	return runlog.Log{API: c.s3(), Bucket: place.Bucket}, err
}

// zipDigest names a package as registries name images.
func zipDigest(zip lambdazip.Archive) string {
	return sha256Of(zip.Zip)
}
