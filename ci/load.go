package main

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"dagger/sensor-backend/load"
	"dagger/sensor-backend/tfrun"
)

// Load puts a constant load on the deployed API, one request in four a batch of ten readings, and fails if its answers do not keep to the budget.
//
// It leaves the readings of a sensor named load-… behind.
//
// +cache="never"
func (m *SensorBackend) Load(
	ctx context.Context,
	// Requests a second, 1 to 1000.
	// +default=50
	rate int,
	// How long, 1s to 10m.
	// +default="10s"
	last string,
	// Budget of the slowest request but one in a hundred.
	// +default="250ms"
	p99 string,
	// Budget of requests that fail, in percent.
	// +default=0
	errors float64,
) (shown string, err error) {
	defer clean(&shown, &err)
	plan, err := load.ParsePlan(rate, last, p99, errors)
	if err != nil {
		return "", err
	}
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) { return underLoad(ctx, c, out, plan) })
}

// usualLoad is the plan of the stage: what Load does by default.
func usualLoad() load.Plan {
	return load.Plan{Rate: 50, Time: 10 * time.Second, P99: 250 * time.Millisecond}
}

func underLoad(ctx context.Context, c *cloud, out tfrun.Outputs, plan load.Plan) (string, error) {
	if err := out.Need("api_url"); err != nil {
		return "", err
	}
	report, err := load.Run(ctx, c.http(), out["api_url"], "load-"+strings.ToLower(rand.Text()[:10]), plan)
	if err != nil {
		return "", err
	}
	return report.String(), report.Err()
}
