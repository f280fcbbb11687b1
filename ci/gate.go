package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/scan"
	"dagger/sensor-backend/verify"

	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
)

// gate is what an image must pass before latest names it and it is deployed.
type gate struct {
	policy scan.Policy
	// advisories judge an image that ECR cannot scan.
	advisories scan.Advisories
}

// newGate reads what the user gave.
func newGate(ctx context.Context, failOn string, allow *dagger.File, advisories *dagger.Directory) (gate, error) {
	g := gate{policy: scan.Policy{FailOn: failOn}}
	if err := scan.CheckThreshold(failOn); err != nil {
		return g, err
	}
	if allow != nil {
		text, err := allow.Contents(ctx)
		if err != nil {
			return g, fmt.Errorf("read the allow list: %w", err)
		}
		if g.policy.Allow, err = scan.ParseAllowList(text, time.Now()); err != nil {
			return g, err
		}
	}
	if advisories != nil {
		dir, err := os.MkdirTemp("", "advisories")
		if err != nil {
			return g, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if _, err := advisories.Export(ctx, dir); err != nil {
			return g, fmt.Errorf("read the advisories: %w", err)
		}
		if g.advisories, err = scan.ReadAdvisories(os.DirFS(dir)); err != nil {
			return g, err
		}
	}
	return g, nil
}

// look is the verify tree's line on the registry's scan of an image. One that ECR
// cannot scan was judged by its packages when it was pushed.
func (g gate) look(c *cloud) scanned {
	return func(ctx context.Context, repository, digest string) (string, error) {
		verdict, err := scan.Wait(ctx, awsecr.NewFromConfig(c.config), scan.Request{Repository: repository, Digest: digest, Policy: g.policy},
			rollout.Env{Progress: func(line string) { say("ecs: %s", line) }})
		if err != nil {
			return "", err
		}
		if verdict.Outcome == scan.Unsupported {
			return "", &verify.SkipError{Reason: verdict.String() + ": publish judges it by its packages"}
		}
		return verdict.String(), verdict.Err(repository + "@" + digest)
	}
}

// judge waits for ECR's scan of a pushed image and decides; for an image that
// ECR cannot scan, the list of packages in the tarball it was pushed from
// decides.
func (g gate) judge(ctx context.Context, registry *awsecr.Client, repository string, pushed ecr.Pushed, tarball string) (scan.Result, error) {
	verdict, err := scan.Wait(ctx, registry, scan.Request{Repository: repository, Digest: pushed.Digest, Policy: g.policy},
		rollout.Env{Progress: func(line string) { say("build: %s", line) }})
	if err != nil {
		return verdict, err
	}
	if verdict.Outcome == scan.Unsupported {
		dir, err := os.MkdirTemp("", "inventory")
		if err != nil {
			return verdict, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		image, err := ecr.Load(tarball, dir)
		if err != nil {
			return verdict, err
		}
		inventory, err := scan.ReadInventory(image)
		if err != nil {
			say("build: %v", err)
			return verdict, verdict.Err(pushed.Reference)
		}
		verdict = inventory.Judge(g.advisories, g.policy, time.Now())
	}
	return verdict, verdict.Err(pushed.Reference)
}
