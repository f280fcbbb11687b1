package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/sensor-backend/coverage"
	"dagger/sensor-backend/internal/dagger"
)

// Test runs the services' tests against a real PostgreSQL, with the race detector, and returns the coverage of each package.
//
// A failing test is an error that carries the failing packages' output.
func (m *SensorBackend) Test(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	profile, err := m.Coverage(ctx)
	if err != nil {
		return "", err
	}
	report, err := readCoverage(ctx, profile)
	if err != nil {
		return "", err
	}
	return report.Table(), nil
}

// Coverage runs the tests and returns their coverage profile, in the format of go test -coverprofile, for Codecov and go tool cover.
func (m *SensorBackend) Coverage(ctx context.Context) (*dagger.File, error) {
	run, err := m.tested(ctx)
	if err != nil {
		return nil, err
	}
	return run.File(coverageProfile), nil
}

const coverageProfile = "/out/coverage.out"

func readCoverage(ctx context.Context, profile *dagger.File) (coverage.Report, error) {
	text, err := profile.Contents(ctx)
	if err != nil {
		return coverage.Report{}, fmt.Errorf("read the coverage profile: %w", err)
	}
	return coverage.Parse(strings.NewReader(text))
}

// tested is the container in which all tests of the services have passed.
func (m *SensorBackend) tested(ctx context.Context) (*dagger.Container, error) {
	run := golang(m.Services).
		WithServiceBinding("postgres", postgres("test")).
		WithEnvVariable("DATABASE_URL", databaseURL("postgres")).
		WithEnvVariable("CGO_ENABLED", "1").
		WithExec([]string{"mkdir", "-p", "/out"}).
		WithExec([]string{"go", "test", "-race", "-covermode=atomic", "-coverprofile=" + coverageProfile, "./..."}, anyExit)
	return passed(ctx, run, "the services' tests")
}
