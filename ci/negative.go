package main

import (
	"context"

	"dagger/sensor-backend/negative"
	"dagger/sensor-backend/tfrun"
)

// Negative sends the deployed API hostile requests and fails with a list of those it does not refuse cleanly: failures of the server, answers that show its inside, pages of other origins let in.
//
// It may leave a few readings of a sensor named negative behind.
//
// +cache="never"
func (m *SensorBackend) Negative(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) { return refusesHostile(ctx, c, out) })
}

func refusesHostile(ctx context.Context, c *cloud, out tfrun.Outputs) (string, error) {
	if err := out.Need("api_url"); err != nil {
		return "", err
	}
	report, err := negative.Run(ctx, c.http(), out["api_url"])
	if err != nil {
		return "", err
	}
	return report.String(), report.Err()
}
