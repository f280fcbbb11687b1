package main

import (
	"context"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline/trigger"
)

// Deploy runs the pipeline and ends with a table of its stages; fails if any stage failed.
//
// The stages are: test, build and push, infrastructure, Lambda and ECS side by
// side, a smoke test, and the notification, which always comes last.
//
// Without AWS credentials all of it happens on an emulated AWS. One deploy at a
// time works on an environment; a second is refused with who is at work. When
// it is interrupted, what AWS has begun goes on: ECS completes the deployment or
// its circuit breaker takes it back, the Lambda alias is moved or not, and a
// canary keeps its share; status shows it, the next deploy completes it, and rollback
// takes it back. The exit code tells how a half ended: 3 rolled back, 4 rollback
// failed, 5 failed, 6 superseded, 7 stopped, 8 timed out and still running, 9
// canceled, 10 lost sight of, 11 verification failed, 12 refused before any
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
	// Address of GitHub's API, for GitHub Enterprise Server.
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
	// The repository with its .git directory, with which the source is compared: what is built from a changed tree is not signed.
	// +defaultPath="/"
	// +ignore=["*", "!.git"]
	history *dagger.Directory,
) (string, error) {
	account, err := m.onAccount(ctx)
	if err != nil {
		return "", err
	}
	request := runRequest{readings: readings, changed: m.changedFromRevision(history.Directory(".git"))}
	request.event = trigger.Event{Name: trigger.ByHand, Stages: stages, Environment: m.Environment, Credentials: account}
	if request.decision, err = trigger.Decide(request.event); err != nil {
		return "", err
	}
	request.senders, err = receivers{
		webhook: webhook, slackToken: slackToken, slackChannel: slackChannel,
		githubToken: githubToken, githubRepository: githubRepository, githubAPI: githubAPI,
	}.senders(ctx)
	if err != nil {
		return "", err
	}
	if request.signing, err = newSigning(ctx, signingKey, signingKeyPassword, publicKey); err != nil {
		return "", err
	}
	if request.scan, err = newScanGate(ctx, failOn, allow, advisories); err != nil {
		return "", err
	}
	if request.canary, err = newCanary(canary, bake, alarms, maxErrorRate); err != nil {
		return "", err
	}
	return m.report(ctx, request)
}

// changedFromRevision compares the source that is built with the commit it is named
// after.
func (m *SensorBackend) changedFromRevision(history *dagger.Directory) func(context.Context) string {
	return func(ctx context.Context) string {
		ref, err := m.revision(ctx)
		if err != nil {
			return "its commit is not known"
		}
		return m.changedFrom(ctx, history, ref.Commit)
	}
}

// report executes a run and returns what a terminal shows of it, or an error that
// shows it and carries the exit code of the first failure.
func (m *SensorBackend) report(ctx context.Context, request runRequest) (string, error) {
	done, err := m.execute(ctx, request)
	if err != nil {
		return "", withExitCode(err)
	}
	if done.failure != nil {
		return "", withExitCode(&runError{cause: done.failure, report: done.report})
	}
	return done.report, nil
}

// deployHalf is a run of one stage by hand.
func (m *SensorBackend) deployHalf(ctx context.Context, stage string, publicKey *dagger.Secret, options func(*runRequest) error) (string, error) {
	request := runRequest{event: trigger.Event{Name: trigger.ByHand, Stages: []string{stage}, Environment: m.Environment}}
	var err error
	if request.decision, err = trigger.Decide(request.event); err != nil {
		return "", err
	}
	if request.signing, err = newSigning(ctx, nil, nil, publicKey); err != nil {
		return "", err
	}
	if err := options(&request); err != nil {
		return "", err
	}
	return m.report(ctx, request)
}
