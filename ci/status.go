package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/deployments"
	"dagger/sensor-backend/rollout/status"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Status says what runs, by digest and commit, since when, and where the halves disagree.
//
// +cache="never"
func (m *SensorBackend) Status(
	ctx context.Context,
	// ECS cluster of a service to look at instead of what Terraform made, by name or ARN; with service.
	// +optional
	cluster string,
	// ECS service to look at; with cluster.
	// +optional
	service string,
	// Lambda function to look at, by name or ARN; with alias.
	// +optional
	function string,
	// Alias of the function; with function.
	// +optional
	alias string,
) (string, error) {
	n := named{service: serviceNames{cluster: cluster, service: service}, function: functionNames{function: function, alias: alias}}
	return m.onSystem(ctx, n, func(c *cloud, s system) (string, error) { return m.status(ctx, c, s) })
}

func (m *SensorBackend) status(ctx context.Context, c *cloud, s system) (string, error) {
	now, err := s.running(ctx, c)
	if err != nil {
		return "", err
	}
	known, err := s.known(ctx)
	if err != nil {
		return "", err
	}
	service, function := now.service, now.function
	target := m.targetName(c)
	if c.moto != "" {
		target += "; moto " + c.moto
	}
	report := status.Report{
		Target: target,
		Service: status.Service{
			Name: service.Service, TaskDefinition: rollout.ShortName(service.TaskDefinition), Since: service.Since,
			Desired: service.Desired, Running: service.Running, Settled: service.Settled,
			Coming: rollout.ShortName(service.Coming), Image: now.image,
			Tags: tagsOf(ctx, c, s.repository, digestOf(now.image)),
		},
		Function: status.Function{
			Name: function.Function, Alias: function.Alias, Version: function.Version,
			CodeSHA256: function.CodeSHA256, Since: function.Since, Weights: function.Weights,
		},
	}
	for _, one := range now.images {
		if one.Image != now.image {
			report.Service.Others = append(report.Service.Others, one.Container+": "+one.Image)
		}
	}
	if e, ok := known.Find(deployments.Service, now.entry.Service.Version); ok {
		report.Service.Commit = e.Commit
	}
	if e, ok := known.Find(deployments.Function, now.entry.Function.Version); ok {
		report.Function.Commit = e.Commit
	}
	return report.String(), nil
}

// tagsOf are the registry's names for a digest; none if they cannot be read.
func tagsOf(ctx context.Context, c *cloud, repository, digest string) []string {
	if repository == "" || digest == "" {
		return nil
	}
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
// commit. The list is in SSM; rollback reads it.
//
// +cache="never"
func (m *SensorBackend) Deployments(
	ctx context.Context,
	// ECS cluster of a service to list instead of what Terraform made; with service.
	// +optional
	cluster string,
	// ECS service to list; with cluster.
	// +optional
	service string,
	// Lambda function to list; with alias.
	// +optional
	function string,
	// Alias of the function; with function.
	// +optional
	alias string,
) (string, error) {
	n := named{service: serviceNames{cluster: cluster, service: service}, function: functionNames{function: function, alias: alias}}
	if err := n.check(); err != nil {
		return "", err
	}
	return m.onCloudAs(ctx, n.role(), func(c *cloud) (string, error) {
		recorded := m.deployments(c)
		if n.given() {
			recorded = namedSystem(c, n).deployments
		}
		known, err := recorded.Load(ctx)
		if err != nil {
			return "", err
		}
		raw, err := json.MarshalIndent(known.List, "", "  ")
		return string(raw), err
	})
}

// deployments is where what the environment ran is recorded.
func (m *SensorBackend) deployments(c *cloud) deployments.Store {
	return deployments.Store{
		API: ssm.NewFromConfig(c.config), Name: fmt.Sprintf("/%s/%s/deployments", m.Project, m.Environment),
		Objects: c.s3(), Bucket: m.place(c).Bucket, Prefix: "deployments/" + m.Environment + "/",
	}
}

// deployedNow is what a deploy put there.
type deployedNow struct {
	// commit is empty if it is not known.
	commit string
}

// saveDeployed records what the system runs now, beside what is recorded already.
// Before a deploy, without deployed, it makes sure that a rollback knows it; after
// it that it is the newest. It returns what it recorded.
func (m *SensorBackend) saveDeployed(ctx context.Context, c *cloud, s system, deployed *deployedNow) (deployments.Entry, error) {
	now, err := s.running(ctx, c)
	entry := now.entry
	if err != nil || !s.recorded() || entry.Service.Version == "" && entry.Function.Version == "" {
		return entry, err
	}
	var irreversible []int
	if deployed != nil {
		entry.Commit, entry.By = deployed.commit, m.deployer(ctx, c)
		if s.own {
			if entry.Schema, irreversible, err = m.migrations(ctx); err != nil {
				return entry, err
			}
		}
	}
	err = s.deployments.Update(ctx, func(h *deployments.History) {
		h.Add(entry)
		if deployed != nil {
			h.Migrated(entry.Schema, irreversible)
		}
	})
	return entry, err
}

// saveMigrated records that the API's migrations were applied, whatever becomes of
// the service afterwards.
func (m *SensorBackend) saveMigrated(ctx context.Context, s system) error {
	schema, irreversible, err := m.migrations(ctx)
	if err != nil {
		return err
	}
	return s.deployments.Update(ctx, func(h *deployments.History) { h.Migrated(schema, irreversible) })
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
