package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/deployments"
	"dagger/sensor-backend/rollout/ecs"
	"dagger/sensor-backend/rollout/verify"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeployEcs deploys a pushed image to the ECS service and waits until it really runs there.
//
// It is a run of the pipeline with one stage: it holds the deploy lock, saves a
// record, and ends with the run's table. A rollback, a timeout or someone else's
// deployment is an error that says so; the exit codes are those of deploy.
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
	// Public key that the image must be signed with; see verify-provenance. By default nothing is verified.
	// +optional
	publicKey *dagger.Secret,
) (string, error) {
	return m.deployHalf(ctx, trigger.ECS, publicKey, func(request *runRequest) error {
		var err error
		request.digest = digest
		request.scan, err = newScanGate(ctx, failOn, allow, nil)
		return err
	})
}

// pushedImage is the reference of an image in the registry, by digest.
func (m *SensorBackend) pushedImage(ctx context.Context, c *cloud, out terraform.Outputs, digest string) (string, error) {
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

func services(c *cloud) ecs.Services {
	return ecs.Services{
		ECS:  awsecs.NewFromConfig(c.config),
		Logs: cloudwatchlogs.NewFromConfig(c.config),
		Env:  poll.Env{Progress: func(line string) { progress("ecs: %s", line) }},
	}
}

// scanLookup says what is known of an image's scan; see ecs.Verifier.
type scanLookup = func(ctx context.Context, repository, digest string) (string, error)

func (m *SensorBackend) deployService(ctx context.Context, c *cloud, out terraform.Outputs, image string, scan scanLookup) (ecs.Result, error) {
	if err := out.Need("ecs_cluster", "ecs_service", "ecs_task_family", "api_container"); err != nil {
		return ecs.Result{Outcome: rollout.NotStarted}, err
	}
	result, err := services(c).Deploy(ctx, ecs.Request{
		Cluster:   out["ecs_cluster"],
		Service:   out["ecs_service"],
		Family:    out["ecs_task_family"],
		Container: out["api_container"],
		Image:     image,
		Verify: func(ctx context.Context, svc ecstypes.Service, revision *awsecs.RegisterTaskDefinitionInput) error {
			report := verify.Run(ctx, out["ecs_service"], ecs.Checks(verifier(c, scan), svc, revision))
			for line := range strings.Lines(report.String()) {
				progress("ecs: %s", strings.TrimRight(line, "\n"))
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

// verifier asks about what a new revision needs.
func verifier(c *cloud, scan scanLookup) ecs.Verifier {
	return ecs.Verifier{
		Images:       awsecr.NewFromConfig(c.config),
		Roles:        iam.NewFromConfig(c.config),
		LogGroups:    cloudwatchlogs.NewFromConfig(c.config),
		TargetGroups: elb.NewFromConfig(c.config),
		Gate:         scan,
		Caller:       c.caller,
	}
}

// serviceLine is one line about a deploy that succeeded.
func serviceLine(r ecs.Result) string {
	return fmt.Sprintf("revision %s %s", rollout.ShortName(r.TaskDefinition), r.Outcome)
}

// withDiagnosis adds what was seen going wrong behind the error's first line.
func withDiagnosis(err error, r ecs.Result) error {
	if seen := r.Diagnosis.Lines(); len(seen) > 0 {
		return fmt.Errorf("%w\n%s", err, strings.Join(seen, "\n"))
	}
	return err
}

// databaseVariable is what a container with a database is given.
const databaseVariable = "DATABASE_URL"

// migrating brings the schema up to what a revision expects, by a task of that
// revision. A service without a database needs none.
func migrating(c *cloud, out terraform.Outputs) func(context.Context, ecstypes.Service, ecstypes.TaskDefinition) error {
	return func(ctx context.Context, service ecstypes.Service, definition ecstypes.TaskDefinition) error {
		if !ecs.HasVariable(definition, out["api_container"], databaseVariable) {
			return nil
		}
		deployer := services(c)
		tasks := ecs.Tasks{ECS: awsecs.NewFromConfig(c.config), Logs: cloudwatchlogs.NewFromConfig(c.config), Env: deployer.Env}
		return tasks.Run(ctx, ecs.TaskRequest{
			Service: service, Definition: definition, Container: out["api_container"], Command: []string{"migrate"},
		})
	}
}

// migrateFirst migrates for a service that runs what it should but was never
// deployed to: Terraform made it with the image, and its schema is not there yet.
func (m *SensorBackend) migrateFirst(ctx context.Context, c *cloud, out terraform.Outputs, runs ecs.Result) error {
	known, err := m.deployments(c).Load(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(e deployments.Entry) bool { return e.Commit != "" }) {
		return nil
	}
	api := awsecs.NewFromConfig(c.config)
	found, err := api.DescribeServices(ctx, &awsecs.DescribeServicesInput{Cluster: aws.String(out["ecs_cluster"]), Services: []string{out["ecs_service"]}})
	if err != nil {
		return fmt.Errorf("read service %s to migrate for it: %w", out["ecs_service"], err)
	}
	if len(found.Services) == 0 {
		return fmt.Errorf("read service %s to migrate for it: ECS does not know it", out["ecs_service"])
	}
	revision, err := api.DescribeTaskDefinition(ctx, &awsecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(runs.TaskDefinition)})
	if err != nil {
		return fmt.Errorf("read task definition %s to migrate for it: %w", rollout.ShortName(runs.TaskDefinition), err)
	}
	return migrating(c, out)(ctx, found.Services[0], *revision.TaskDefinition)
}
