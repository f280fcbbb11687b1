package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/deployments"
	"dagger/sensor-backend/rollout/ecs"
	"dagger/sensor-backend/rollout/lambda"
	"dagger/sensor-backend/rollout/status"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Status says what runs, by digest and commit, since when, and where the halves disagree.
//
// +cache="never"
func (m *SensorBackend) Status(ctx context.Context) (string, error) {
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) { return m.status(ctx, c, out) })
}

func (m *SensorBackend) status(ctx context.Context, c *cloud, out terraform.Outputs) (string, error) {
	service, function, now, err := running(ctx, c, out)
	if err != nil {
		return "", err
	}
	past, err := m.deployments(c).Load(ctx)
	if err != nil {
		return "", err
	}
	report := status.Report{
		Target: m.targetName(c),
		Service: status.Service{
			Name: service.Service, TaskDefinition: rollout.ShortName(service.TaskDefinition), Since: service.Since,
			Desired: service.Desired, Running: service.Running, Settled: service.Settled,
			Coming: rollout.ShortName(service.Coming),
		},
		Function: status.Function{
			Name: function.Function, Alias: function.Alias, Version: function.Version,
			CodeSHA256: function.CodeSHA256, Since: function.Since, Weights: function.Weights,
		},
	}
	if e, ok := past.Find(deployments.Service, now.Service.Version); ok {
		report.Service.Commit = e.Commit
	}
	if e, ok := past.Find(deployments.Function, now.Function.Version); ok {
		report.Function.Commit = e.Commit
	}
	if report.Service.Image, err = services(c).Image(ctx, service.TaskDefinition, out["api_container"]); err != nil {
		return "", err
	}
	report.Service.Tags = tagsOf(ctx, c, out["ecr_repository_name"], now.Service.Digest)
	return report.String(), nil
}

// tagsOf are the registry's names for a digest; none if they cannot be read.
func tagsOf(ctx context.Context, c *cloud, repository, digest string) []string {
	found, err := awsecr.NewFromConfig(c.config).DescribeImages(ctx, &awsecr.DescribeImagesInput{
		RepositoryName: aws.String(repository), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}},
	})
	if err != nil || len(found.ImageDetails) == 0 {
		return nil
	}
	return found.ImageDetails[0].ImageTags
}

// Deployments lists what this environment ran, newest first, as JSON.
//
// Each entry has task definition, image digest, Lambda version, code hash and
// commit. The list is kept in SSM and is where rollback finds its way.
//
// +cache="never"
func (m *SensorBackend) Deployments(ctx context.Context) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		known, err := m.deployments(c).Load(ctx)
		if err != nil {
			return "", err
		}
		raw, err := json.MarshalIndent(known, "", "  ")
		return string(raw), err
	})
}

// deployments is where what the environment ran is recorded.
func (m *SensorBackend) deployments(c *cloud) deployments.Store {
	return deployments.Store{API: ssm.NewFromConfig(c.config), Name: fmt.Sprintf("/%s/%s/deployments", m.Project, m.Environment)}
}

// running is what both halves run now.
func running(ctx context.Context, c *cloud, out terraform.Outputs) (ecs.State, lambda.State, deployments.Entry, error) {
	var entry deployments.Entry
	if err := out.Need("ecs_cluster", "ecs_service", "api_container", "lambda_function", "lambda_alias"); err != nil {
		return ecs.State{}, lambda.State{}, entry, err
	}
	service, err := services(c).Current(ctx, out["ecs_cluster"], out["ecs_service"])
	if err != nil {
		return service, lambda.State{}, entry, err
	}
	function, err := functions(c).Current(ctx, out["lambda_function"], out["lambda_alias"])
	if err != nil {
		return service, function, entry, err
	}
	entry.At = time.Now().UTC().Truncate(time.Second)
	entry.Function = deployments.Half{Version: function.Version, Digest: function.CodeSHA256}
	if service.Settled {
		image, err := services(c).Image(ctx, service.TaskDefinition, out["api_container"])
		if err != nil {
			return service, function, entry, err
		}
		entry.Service = deployments.Half{Version: rollout.ShortName(service.TaskDefinition), Digest: digestOf(image)}
	}
	return service, function, entry, nil
}

// saveDeployed records what runs now, beside what is recorded already. Before a
// deploy it makes sure that a rollback knows it, after it that it is the newest;
// commit is what was deployed, empty before. It returns what it recorded.
func (m *SensorBackend) saveDeployed(ctx context.Context, c *cloud, out terraform.Outputs, commit string) (deployments.Entry, error) {
	_, _, entry, err := running(ctx, c, out)
	if err != nil || entry.Service.Version == "" && entry.Function.Version == "" {
		return entry, err
	}
	entry.Commit = commit
	if commit != "" {
		entry.By = m.deployer(ctx, c)
		if entry.Schema, entry.Irreversible, err = m.migrations(ctx); err != nil {
			return entry, err
		}
	}
	known, err := m.deployments(c).Load(ctx)
	if err != nil {
		return entry, err
	}
	known = known.Add(entry)
	return known[0], m.deployments(c).Save(ctx, known)
}

// migrations reads the services' database migrations.
func (m *SensorBackend) migrations(ctx context.Context) (int, []int, error) {
	dir, err := os.MkdirTemp("", "migrations")
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := m.Services.Filter(dagger.DirectoryFilterOpts{Include: []string{"**/migrations/**/*.sql"}}).Export(ctx, dir); err != nil {
		return 0, nil, fmt.Errorf("read the database migrations: %w", err)
	}
	return deployments.Migrations(os.DirFS(dir))
}
