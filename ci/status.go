package main

import (
	"context"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/status"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Status says what runs: both halves by digest and commit, since when, and where they or the records disagree.
//
// +cache="never"
func (m *SensorBackend) Status(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) { return m.status(ctx, c, out) })
}

func (m *SensorBackend) status(ctx context.Context, c *cloud, out tfrun.Outputs) (string, error) {
	service, function, now, err := running(ctx, c, out)
	if err != nil {
		return "", err
	}
	past, err := m.store(c).Load(ctx)
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
	if e, ok := past.Find(history.Service, now.Service.Version); ok {
		report.Service.Commit = e.Commit
	}
	if e, ok := past.Find(history.Function, now.Function.Version); ok {
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
