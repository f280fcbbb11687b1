package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/scan"

	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Publish builds the API's image, pushes it to ECR as BRANCH-COMMIT, reads ECR's scan and returns the image by digest. The tag latest follows only when the scan lets it pass.
//
// The repository is made on the first push, by Terraform. An image that ECR
// cannot scan is judged by the Go modules in its program.
//
// +cache="never"
func (m *SensorBackend) Publish(
	ctx context.Context,
	// Least severity of a finding that stops the pipeline: CRITICAL, HIGH, MEDIUM or LOW.
	// +default="CRITICAL"
	failOn string,
	// Findings to let pass, one a line: name, last day as YYYY-MM-DD, reason.
	// +optional
	allow *dagger.File,
	// Vulnerability database as OSV files, such as the unpacked database of vuln.go.dev, for an image that ECR cannot scan.
	// +optional
	advisories *dagger.Directory,
) (shown string, err error) {
	defer clean(&shown, &err)
	passes, err := newGate(ctx, failOn, allow, advisories)
	if err != nil {
		return "", err
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	zip, err := m.processorZip(ctx)
	if err != nil {
		return "", err
	}
	pushed, verdict, err := m.publish(ctx, c, zip, passes)
	if err != nil {
		return "", exits(err)
	}
	return pushed.String() + "\n" + verdict.String(), nil
}

// registryLogin asks for credentials for the registry. The emulated one's are
// no secret, and a word that every report holds.
func (c *cloud) registryLogin(ctx context.Context) (ecr.Credentials, error) {
	login, err := ecr.Login(ctx, awsecr.NewFromConfig(c.config))
	if c.emulator == nil {
		secretsGiven.Learn(login.Password)
	}
	return login, err
}

// imageTag is the tag that names branch and commit.
func imageTag(ref gitref.Ref) string { return ecr.BranchTag(ref.Branch, ref.Commit[:12]) }

// repositoryName is the name the Terraform configuration gives the repository.
func (m *SensorBackend) repositoryName() string { return m.Project + "-" + m.Environment + "-api" }

func (m *SensorBackend) publish(ctx context.Context, c *cloud, zip lambdazip.Archive, passes gate) (ecr.Pushed, scan.Result, error) {
	registry := awsecr.NewFromConfig(c.config)
	repository, err := ecr.FindRepository(ctx, registry, m.repositoryName())
	if errors.Is(err, ecr.ErrNoRepository) {
		say("build: first push, making the repository %s", m.repositoryName())
		if err := m.makeRepository(ctx, c, zip); err != nil {
			return ecr.Pushed{}, scan.Result{}, err
		}
		repository, err = ecr.FindRepository(ctx, registry, m.repositoryName())
	}
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	ref, err := m.revision(ctx)
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	image, err := m.Build(ctx)
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := image.AsTarball().Export(ctx, filepath.Join(dir, "api.tar"))
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, fmt.Errorf("build the image: %w", err)
	}
	login, err := c.registryLogin(ctx)
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	pushed, err := ecr.Push(ctx, ecr.PushRequest{
		Tarball:     path,
		Repository:  *repository.RepositoryUri,
		Credentials: login,
		Tags:        []string{imageTag(ref)},
		Progress:    func(line string) { say("build: %s", line) },
	})
	if err != nil {
		return pushed, scan.Result{}, err
	}
	verdict, err := passes.judge(ctx, registry, m.repositoryName(), pushed, path)
	if err != nil {
		return pushed, verdict, err
	}
	err = ecr.Retag(ctx, ecr.RetagRequest{Repository: *repository.RepositoryUri, Digest: pushed.Digest, Tag: ecr.LatestTag, Credentials: login})
	if err != nil {
		return pushed, verdict, err
	}
	pushed.Tags = append(pushed.Tags, ecr.LatestTag)
	return pushed, verdict, nil
}

// makeRepository applies the part of the configuration that the first push
// needs: everything else needs the image.
func (m *SensorBackend) makeRepository(ctx context.Context, c *cloud, zip lambdazip.Archive) error {
	tf, err := m.configured(ctx, c, "", zip)
	if err != nil {
		return err
	}
	if _, err := tf.run(ctx, repositoryOnly); err != nil {
		return fmt.Errorf("make the image repository: %w", err)
	}
	return nil
}
