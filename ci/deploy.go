package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline"
)

// The stages' names, as reports and the stages argument use them.
const (
	stageTest   = "test"
	stageBuild  = "build"
	stageInfra  = "infra"
	stageLambda = "lambda"
	stageECS    = "ecs"
	stageSmoke  = "smoke"
	stageNotify = "notify"
)

// Deploy runs the pipeline: test, build and push, infrastructure, Lambda and ECS side by side, a smoke test, and the notification, which always comes last. Ends with a table of the stages; fails if any stage failed.
//
// Without AWS credentials all of it happens on an emulated AWS.
//
// +cache="never"
func (m *SensorBackend) Deploy(
	ctx context.Context,
	// Stages to run: test, build, infra, lambda, ecs, smoke. By default all of them, except smoke in a real account, where it would leave test readings. Notify always runs.
	// +optional
	stages []string,
	// Sensor file for the smoke test; see smoke.
	// +optional
	readings *dagger.File,
	// Address to post the report to; see notify.
	// +optional
	webhook *dagger.Secret,
) (string, error) {
	all := []string{stageTest, stageBuild, stageInfra, stageLambda, stageECS, stageSmoke, stageNotify}
	chosen, err := pipeline.Choose(all, stages)
	if err != nil {
		return "", err
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if len(stages) == 0 && c.emulator == nil {
		chosen = without(chosen, stageSmoke)
	}
	chosen = without(chosen, stageNotify)

	start := time.Now()
	run := &delivery{m: m, cloud: c, readings: readings}
	results := pipeline.Run(ctx, run.stages(ctx, chosen), time.Now)
	run.settle(ctx, results)
	report := func() string {
		return fmt.Sprintf("Deployed to %s\n\n%s\n%s\nTotal %s, on %s",
			m.targetName(c), pipeline.Table(results), details(results), time.Since(start).Round(time.Second), m.targetName(c))
	}
	notified := pipeline.Run(context.WithoutCancel(ctx), []pipeline.Stage{{
		Name: stageNotify,
		Run: func(ctx context.Context) (string, error) {
			if webhook == nil {
				return "reported here, no webhook given", nil
			}
			return "report posted", notify(ctx, report(), webhook)
		},
	}}, time.Now)
	results = append(results, notified...)
	if err := pipeline.Err(results); err != nil {
		return "", errors.Join(err, errors.New(report()))
	}
	return report(), nil
}
