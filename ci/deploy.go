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
	stageTest     = trigger.Test
	stageCheck    = trigger.Check
	stageBuild    = trigger.Build
	stageInfra    = trigger.Infra
	stageLambda   = trigger.Lambda
	stageECS      = trigger.ECS
	stageSmoke    = trigger.Smoke
	stageNegative = trigger.Negative
	stageLoad     = trigger.Load
	stageDrift    = trigger.Drift
	stageNotify   = trigger.Notify
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
	// Stages to run: test, build, infra, lambda, ecs, smoke, negative, load. By default those up to ecs, and smoke except in a real account, where it would leave test readings. Notify always runs.
	// +optional
	stages []string,
	// Sensor file for the smoke test; see smoke.
	// +optional
	readings *dagger.File,
	// Address to post the report to; see notify.
	// +optional
	webhook *dagger.Secret,
	// Token of a Slack bot; see notify.
	// +optional
	slackToken *dagger.Secret,
	// Channel that the bot posts to.
	// +optional
	slackChannel string,
	// GitHub token that may write deployments; see notify.
	// +optional
	githubToken *dagger.Secret,
	// GitHub repository, OWNER/NAME.
	// +optional
	githubRepository string,
	// Address of GitHub's API, for a GitHub of one's own.
	// +default="https://api.github.com"
	githubAPI string,
	// Key that signs the provenance of what is built, such as file://cosign.key: as cosign generate-key-pair writes it, or an ECDSA or Ed25519 key in PEM. Provenance and bill of materials are then attached to the image, where cosign verify-attestation reads them; without it the provenance is kept unsigned beside the run's record.
	// +optional
	signingKey *dagger.Secret,
	// Password of the signing key.
	// +optional
	signingKeyPassword *dagger.Secret,
	// Public key that what is deployed must be signed with; see verify-provenance. By default nothing is verified.
	// +optional
	publicKey *dagger.Secret,
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
	all := []string{stageTest, stageBuild, stageInfra, stageLambda, stageECS, stageSmoke, stageNegative, stageLoad, stageNotify}
	chosen, err := pipeline.Choose(all, stages)
	if err != nil {
		return "", err
	}
	given, err := m.credentials(ctx)
	if err != nil {
		return "", err
	}
	if len(stages) == 0 {
		chosen = slices.DeleteFunc(chosen, func(name string) bool {
			return name == stageNegative || name == stageLoad || name == stageSmoke && given != nil
		})
	}
	w := wish{event: trigger.Event{Name: byHand}, readings: readings}
	w.decision = trigger.ByHand(chosen, m.Environment)
	w.tell, err = receivers{
		webhook: webhook, slackToken: slackToken, slackChannel: slackChannel,
		githubToken: githubToken, githubRepository: githubRepository, githubAPI: githubAPI,
	}.senders(ctx)
	if err != nil {
		return "", err
	}
	if w.signing, err = newSigning(ctx, signingKey, signingKeyPassword, publicKey); err != nil {
		return "", err
	}
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
