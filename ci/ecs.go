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
	// ECS cluster of a service to deploy to instead of the one that Terraform made, by name or ARN; with service and container.
	// +optional
	cluster string,
	// ECS service to deploy to; with cluster.
	// +optional
	service string,
	// Container and the image that it gets by digest, NAME=HOST/NAME@sha256:…; several for a web and a worker that share an image, or for sidecars.
	// +optional
	container []string,
	// Task definition family whose latest revision is the base. By default the one that the service runs.
	// +optional
	family string,
	// How long the deployment may take, such as 30m. By default 20 minutes.
	// +optional
	timeout string,
	// Failed tasks that end the deployment before the service's own circuit breaker does. By default what that breaker is set to.
	// +optional
	failFast int,
	// What becomes of the deployment when this call is interrupted: leave-running, or roll-back where the engine lets it.
	// +optional
	onCancel string,
	// Command of a one-off task of the new revision, in its first named container, that has to end well before the service is updated, such as migrate.
	// +optional
	migrateCommand []string,
	// Make a new deployment even of what runs already, so that tasks start anew with a secret's new value.
	// +optional
	force bool,
	// Leave out the checks of what the new revision needs.
	// +optional
	skipVerify bool,
	// Deploy to a named service without lock and without a list for rollback.
	// +optional
	noLock bool,
) (string, error) {
	return m.deployHalf(ctx, trigger.ECS, publicKey, func(request *runRequest) error {
		var err error
		request.digest = digest
		request.named = named{service: serviceNames{cluster: cluster, service: service, family: family}, unlocked: noLock}
		if request.scan, err = newScanGate(ctx, failOn, allow, nil); err != nil {
			return err
		}
		request.service, err = newServiceOptions(request.named.given(), serviceArguments{
			digest: digest, containers: container, family: family, timeout: timeout, failFast: failFast, onCancel: onCancel,
			migrate: migrateCommand, force: force, skipVerify: skipVerify,
		})
		if len(request.service.order) > 0 {
			request.named.service.container = request.service.order[0]
		}
		return err
	})
}

// serviceArguments are how a caller says what to deploy to a service, and how.
type serviceArguments struct {
	digest, family, timeout, onCancel string
	containers, migrate               []string
	failFast                          int
	force, skipVerify                 bool
}

// serviceOptions say what to deploy to a service, and how.
type serviceOptions struct {
	// containers are images by digest, by the containers that get them, and order
	// is that in which the containers were named.
	containers map[string]string
	order      []string
	follow     ecs.FollowOptions
	// migrate is the command of a task that has to end well first.
	migrate []string
	// force makes a new deployment of what runs already, skipVerify leaves the checks out.
	force, skipVerify bool
}

// newServiceOptions reads what the user gave for a service; named tells that it is
// not the one that Terraform made.
func newServiceOptions(named bool, given serviceArguments) (serviceOptions, error) {
	options := serviceOptions{migrate: given.migrate, force: given.force, skipVerify: given.skipVerify, containers: map[string]string{}}
	var err error
	if options.follow.Timeout, err = parseDuration("timeout", given.timeout); err != nil {
		return options, err
	}
	if options.follow.OnCancel, err = ecs.ParseCancelPolicy(given.onCancel); err != nil {
		return options, err
	}
	if given.failFast < 0 {
		return options, fmt.Errorf("fail-fast %d: give a number of failed tasks, or leave it out for what the circuit breaker is set to", given.failFast)
	}
	options.follow.FailFast = given.failFast
	switch {
	case named && len(given.containers) == 0:
		return options, errors.New("--service is given without --container: name the container and its image, NAME=HOST/NAME@sha256:…")
	case named && given.digest != "":
		return options, errors.New("--digest goes with the service that Terraform made: give --container NAME=HOST/NAME@sha256:… for another one")
	case !named && (len(given.containers) > 0 || given.family != "" || len(given.migrate) > 0):
		return options, errors.New("--container, --family and --migrate-command go with --cluster and --service: without them the API's image is deployed")
	}
	for _, pair := range given.containers {
		name, image, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "" || image == "":
			return options, fmt.Errorf("container %q: give NAME=HOST/NAME@sha256:…", pair)
		case options.containers[name] != "":
			return options, fmt.Errorf("container %s is named twice: give each container one image", name)
		}
		options.containers[name], options.order = image, append(options.order, name)
	}
	return options, nil
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

func (m *SensorBackend) deployService(ctx context.Context, c *cloud, s system, images map[string]string, options serviceOptions, scan scanLookup) (ecs.Result, error) {
	changes := &rollout.Changes{}
	var before string // what the service ran
	prepare := m.preparing(c, s, options, changes)
	result, err := services(c).Deploy(ctx, ecs.Request{
		Cluster: s.service.cluster, Service: s.service.service, Family: s.service.family,
		Container: s.service.container, Image: images[s.service.container], Containers: images,
		Follow: options.follow, Changes: changes, Force: options.force, SkipVerify: options.skipVerify,
		Prepare: func(ctx context.Context, svc ecstypes.Service, definition ecstypes.TaskDefinition) error {
			before = aws.ToString(svc.TaskDefinition)
			return prepare(ctx, svc, definition)
		},
		Verify: func(ctx context.Context, svc ecstypes.Service, revision *awsecs.RegisterTaskDefinitionInput) error {
			report := verify.Run(ctx, s.service.service, ecs.Checks(verifier(c, scan), svc, revision))
			for line := range strings.Lines(report.String()) {
				progress("ecs: %s", strings.TrimRight(line, "\n"))
			}
			return report.Err()
		},
		MayRollBack: func(ctx context.Context) error { return checkReversible(ctx, s, before) },
	})
	if err == nil && result.Outcome == rollout.Unchanged && s.own {
		err = m.migrateFirst(ctx, c, s, options, result)
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
	if r.Outcome == rollout.Unchanged {
		return "verified: " + r.Reason + ", " + digestOf(r.Image)
	}
	return fmt.Sprintf("revision %s %s", rollout.ShortName(r.TaskDefinition), r.Outcome)
}

// withDiagnosis adds the diagnosis behind the error's first line.
func withDiagnosis(err error, r ecs.Result) error {
	if lines := r.Diagnosis.Lines(); len(lines) > 0 {
		return fmt.Errorf("%w\n%s", err, strings.Join(lines, "\n"))
	}
	return err
}

// databaseVariable is what a container with a database is given.
const databaseVariable = "DATABASE_URL"

// preparing runs the task that has to end well before the service is updated: the
// command that was asked for, or, for the API, its migration if it has a database.
func (m *SensorBackend) preparing(c *cloud, s system, options serviceOptions, changes *rollout.Changes) func(context.Context, ecstypes.Service, ecstypes.TaskDefinition) error {
	return func(ctx context.Context, service ecstypes.Service, definition ecstypes.TaskDefinition) error {
		command := options.migrate
		if s.own && ecs.HasVariable(definition, s.service.container, databaseVariable) {
			command = []string{"migrate"}
		}
		if len(command) == 0 {
			return nil
		}
		tasks := ecs.Tasks{
			ECS: awsecs.NewFromConfig(c.config), Logs: cloudwatchlogs.NewFromConfig(c.config), Env: services(c).Env, Changes: changes,
		}
		request := ecs.TaskRequest{Service: service, Definition: definition, Container: s.service.container, Command: command}
		if err := tasks.Run(ctx, request); err != nil || !s.own {
			return err
		}
		return m.saveMigrated(ctx, s)
	}
}

// migrateFirst migrates for a service that runs what it should but was never
// deployed to: Terraform made it with the image, and its schema is not there yet.
func (m *SensorBackend) migrateFirst(ctx context.Context, c *cloud, s system, options serviceOptions, runs ecs.Result) error {
	known, err := s.known(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known.List, func(e deployments.Entry) bool { return e.Commit != "" }) {
		return nil
	}
	api := awsecs.NewFromConfig(c.config)
	found, err := api.DescribeServices(ctx, &awsecs.DescribeServicesInput{Cluster: &s.service.cluster, Services: []string{s.service.service}})
	if err != nil {
		return fmt.Errorf("read service %s to migrate for it: %w", s.service.service, err)
	}
	if len(found.Services) == 0 {
		return fmt.Errorf("read service %s to migrate for it: ECS does not know it", s.service.service)
	}
	revision, err := api.DescribeTaskDefinition(ctx, &awsecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(runs.TaskDefinition)})
	if err != nil {
		return fmt.Errorf("read task definition %s to migrate for it: %w", rollout.ShortName(runs.TaskDefinition), err)
	}
	return m.preparing(c, s, options, nil)(ctx, found.Services[0], *revision.TaskDefinition)
}
