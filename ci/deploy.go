package main

import (
	"context"
	"slices"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/trigger"
)

// The stages' names, as reports and the stages argument use them.
const (
	stageTest   = trigger.Test
	stageCheck  = trigger.Check
	stageBuild  = trigger.Build
	stageInfra  = trigger.Infra
	stageLambda = trigger.Lambda
	stageECS    = trigger.ECS
	stageSmoke  = trigger.Smoke
	stageDrift  = trigger.Drift
	stageNotify = trigger.Notify
)

// Deploy runs the pipeline: test, build and push, infrastructure, Lambda and ECS side by side, a smoke test, and the notification, which always comes last. Ends with a table of the stages; fails if any stage failed.
//
// Without AWS credentials all of it happens on an emulated AWS. One deploy at a
// time works on an environment; a second is refused with who is at work. When
// it is interrupted, what AWS has begun goes on: ECS completes the deployment or
// its circuit breaker takes it back, the Lambda alias is moved or not, and a
// canary keeps its share; status tells, the next deploy settles it, and rollback
// takes it back. The exit code tells how a half ended: 3 rolled back, 4 rollback
// failed, 5 failed, 6 superseded, 7 stopped, 8 timed out and still running, 9
// cancelled, 10 lost sight of, 11 verification failed, 12 refused before any
// change, 1 anything else.
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
	// Least severity of an image's finding that stops the pipeline: CRITICAL, HIGH, MEDIUM or LOW.
	// +default="CRITICAL"
	failOn string,
	// Findings to let pass; see publish.
	// +optional
	allow *dagger.File,
	// Vulnerability database as OSV files; see publish.
	// +optional
	advisories *dagger.Directory,
	// Percentage of the Lambda's traffic for a canary; see deploy-lambda.
	// +default=0
	canary int,
	// How long a canary lasts, such as 5m.
	// +default="5m"
	bake string,
	// CloudWatch alarms that take a canary's traffic back when they ring.
	// +optional
	alarms []string,
	// Percentage of a canary's invocations that may fail; see deploy-lambda.
	// +default=0
	maxErrorRate float64,
) (string, error) {
	all := []string{stageTest, stageBuild, stageInfra, stageLambda, stageECS, stageSmoke, stageNotify}
	chosen, err := pipeline.Choose(all, stages)
	if err != nil {
		return "", err
	}
	if len(stages) == 0 && m.AccessKeyID != nil {
		chosen = slices.DeleteFunc(chosen, func(name string) bool { return name == stageSmoke })
	}
	w := wish{event: trigger.Event{Name: byHand}, readings: readings, webhook: webhook}
	w.decision = trigger.ByHand(chosen, m.Environment)
	if w.gate, err = newGate(ctx, failOn, allow, advisories); err != nil {
		return "", err
	}
	if w.proof, err = newProof(canary, bake, alarms, maxErrorRate); err != nil {
		return "", err
	}
	done, err := m.deliver(ctx, w)
	if err != nil {
		return "", exits(err)
	}
	return done.verdict()
}

// byHand is the event of a deploy that somebody called for.
const byHand = "deploy"
