package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"
	"dagger/sensor-backend/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// DeployEcs deploys an image that was pushed to the ECS service and waits until it really runs there: a rollback, a timeout or someone else's deployment is an error that says so.
//
// +cache="never"
func (m *SensorBackend) DeployEcs(
	ctx context.Context,
	// The image's digest, sha256:… By default the one that was pushed for the present branch and commit.
	// +optional
	digest string,
	// Least severity of a finding of the registry's scan that stops it: CRITICAL, HIGH, MEDIUM or LOW.
	// +default="CRITICAL"
	failOn string,
	// Findings to let pass; see publish.
	// +optional
	allow *dagger.File,
) (string, error) {
	passes, err := newGate(ctx, failOn, allow, nil)
	if err != nil {
		return "", err
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	giveBack, err := m.turn(ctx, c)
	if err != nil {
		return "", exits(err)
	}
	defer giveBack()
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	image, err := m.pushedImage(ctx, c, out, digest)
	if err != nil {
		return "", err
	}
	if _, err := m.recordRunning(ctx, c, out, ""); err != nil {
		return "", err
	}
	result, err := m.deployService(ctx, c, out, image, passes.look(c))
	if err != nil {
		return "", exits(withDiagnosis(err, result))
	}
	ref, err := m.revision(ctx)
	if err != nil {
		return "", err
	}
	_, err = m.recordRunning(ctx, c, out, ref.Commit)
	return serviceLine(result), err
}

// pushedImage is the reference of an image in the registry, by digest.
func (m *SensorBackend) pushedImage(ctx context.Context, c *cloud, out tfrun.Outputs, digest string) (string, error) {
	if err := out.Need("ecr_repository_url", "ecr_repository_name"); err != nil {
		return "", err
	}
	id := ecrtypes.ImageIdentifier{ImageDigest: &digest}
	wanted := digest
	if digest == "" {
		ref, err := m.revision(ctx)
		if err != nil {
			return "", err
		}
		wanted = imageTag(ref)
		id = ecrtypes.ImageIdentifier{ImageTag: &wanted}
	}
	found, err := awsecr.NewFromConfig(c.config).DescribeImages(ctx, &awsecr.DescribeImagesInput{
		RepositoryName: aws.String(out["ecr_repository_name"]),
		ImageIds:       []ecrtypes.ImageIdentifier{id},
	})
	var missing *ecrtypes.ImageNotFoundException
	switch {
	case errors.As(err, &missing), err == nil && len(found.ImageDetails) == 0:
		return "", fmt.Errorf("no image %s in %s: run publish first", wanted, out["ecr_repository_name"])
	case err != nil:
		return "", fmt.Errorf("look for image %s: %w", wanted, err)
	}
	repository, err := ecr.ParseRepository(out["ecr_repository_url"])
	if err != nil {
		return "", err
	}
	return repository.WithDigest(aws.ToString(found.ImageDetails[0].ImageDigest))
}

func services(c *cloud) rollout.Services {
	return rollout.Services{
		ECS:  ecs.NewFromConfig(c.config),
		Logs: cloudwatchlogs.NewFromConfig(c.config),
		Env:  rollout.Env{Progress: func(line string) { say("ecs: %s", line) }},
	}
}

// scanned says what is known of an image's scan; see verify.Clients.
type scanned = func(ctx context.Context, repository, digest string) (string, error)

func (m *SensorBackend) deployService(ctx context.Context, c *cloud, out tfrun.Outputs, image string, gate scanned) (rollout.ServiceResult, error) {
	if err := out.Need("ecs_cluster", "ecs_service", "ecs_task_family", "api_container"); err != nil {
		return rollout.ServiceResult{Outcome: rollout.NotStarted}, err
	}
	result, err := services(c).Deploy(ctx, rollout.ServiceRequest{
		Cluster:   out["ecs_cluster"],
		Service:   out["ecs_service"],
		Family:    out["ecs_task_family"],
		Container: out["api_container"],
		Image:     image,
		Verify: func(ctx context.Context, svc ecstypes.Service, revision *ecs.RegisterTaskDefinitionInput) error {
			report := verify.Run(ctx, out["ecs_service"], verify.Service(m.verifiers(ctx, c, gate), svc, revision))
			for line := range strings.Lines(report.String()) {
				say("ecs: %s", strings.TrimRight(line, "\n"))
			}
			return report.Err()
		},
		Prepare: migrating(c, out),
	})
	if err == nil && result.Outcome == rollout.Unchanged {
		err = m.migrateFirst(ctx, c, out, result)
	}
	return result, err
}

// verifiers are the clients that look at what a new revision needs.
func (m *SensorBackend) verifiers(ctx context.Context, c *cloud, gate scanned) verify.Clients {
	caller := ""
	if out, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
		caller = aws.ToString(out.Arn)
	}
	return verify.Clients{
		Images:       awsecr.NewFromConfig(c.config),
		Roles:        iam.NewFromConfig(c.config),
		LogGroups:    cloudwatchlogs.NewFromConfig(c.config),
		TargetGroups: elb.NewFromConfig(c.config),
		Gate:         gate,
		Caller:       caller,
	}
}

// serviceLine is one line about a deploy that succeeded.
func serviceLine(r rollout.ServiceResult) string {
	return fmt.Sprintf("revision %s %s", rollout.ShortName(r.TaskDefinition), r.Outcome)
}

// withDiagnosis adds what was seen going wrong behind the error's first line.
func withDiagnosis(err error, r rollout.ServiceResult) error {
	if seen := r.Diagnosis.Lines(); len(seen) > 0 {
		return fmt.Errorf("%w\n%s", err, strings.Join(seen, "\n"))
	}
	return err
}
