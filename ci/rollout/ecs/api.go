package ecs

import (
	"context"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// API is the part of Amazon ECS that a deploy calls; *ecs.Client has it.
// The calls about service deployments and revisions may be refused (a role that
// may not, an emulator that cannot): a deploy then judges by DescribeServices
// alone.
type API interface {
	DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput, opts ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	UpdateService(ctx context.Context, in *ecs.UpdateServiceInput, opts ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
	DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, opts ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, opts ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
	ListServiceDeployments(ctx context.Context, in *ecs.ListServiceDeploymentsInput, opts ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(ctx context.Context, in *ecs.DescribeServiceDeploymentsInput, opts ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(ctx context.Context, in *ecs.DescribeServiceRevisionsInput, opts ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	StopServiceDeployment(ctx context.Context, in *ecs.StopServiceDeploymentInput, opts ...func(*ecs.Options)) (*ecs.StopServiceDeploymentOutput, error)
	ListTasks(ctx context.Context, in *ecs.ListTasksInput, opts ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, opts ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
}

// LogTail reads the end of a log stream; *cloudwatchlogs.Client has it.
type LogTail interface {
	GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput, opts ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
}

// Services deploys to ECS services.
type Services struct {
	// ECS is the API.
	ECS API
	// Logs reads a crashed task's log; nil means that logs are not shown.
	Logs LogTail
	// Env is the clock, the randomness and where progress goes.
	Env poll.Env
}

// Request says what to deploy where.
type Request struct {
	// Cluster and Service name the service.
	Cluster, Service string
	// Family is the task definition family whose latest active revision is the
	// base; empty means the family that the service runs.
	Family string
	// Container is the container in it that gets the image.
	Container string
	// Image is the image's reference by digest, HOST/NAME@sha256:...
	Image string
	// Verify checks the revision that is about to be registered, before
	// anything is changed; its error ends the deploy as VerificationFailed. Nil
	// means no look. It is not asked when there is nothing to do.
	Verify func(ctx context.Context, service types.Service, revision *ecs.RegisterTaskDefinitionInput) error
	// Prepare is called with the registered revision before the service is
	// updated to it: for what has to be done once, such as a migration. An error
	// ends the deploy with the service as it was; a *rollout.Error gives the outcome,
	// any other is NotStarted. It is not called when there is nothing to update.
	Prepare func(ctx context.Context, service types.Service, definition types.TaskDefinition) error
	// Follow says how the deployment is followed.
	Follow FollowOptions
}

// FollowOptions say how a deployment is followed. The zero value is meant to be
// good.
type FollowOptions struct {
	// Timeout bounds the deployment; zero means DefaultTimeout.
	Timeout time.Duration
	// FailFast is how many failed tasks of this deployment make it be stopped
	// and rolled back, without waiting for the circuit breaker; zero means
	// DefaultFailFast.
	FailFast int
	// OnCancel says what becomes of the deployment when the caller gives up.
	OnCancel CancelPolicy
}

const (
	// DefaultTimeout is how long a service deployment may take unless
	// told otherwise.
	DefaultTimeout = 20 * time.Minute
	// DefaultFailFast is the number of failed tasks that end a deployment unless
	// told otherwise.
	DefaultFailFast = 3
)

// State is what a service runs at one moment, recorded so that it can be
// restored.
type State struct {
	// Cluster and Service name the service.
	Cluster, Service string
	// TaskDefinition is the ARN of what runs.
	TaskDefinition string
	// Deployment is the id of the service's primary deployment.
	Deployment string
	// Coming is the ARN of what that deployment puts in TaskDefinition's place;
	// empty once it has.
	Coming string
	// Settled is true when a deployment of TaskDefinition completed. A service
	// that never came up, such as one whose image was never pushed, has nothing
	// worth going back to.
	Settled bool
	// Since is when the primary deployment began.
	Since time.Time
	// Desired and Running are numbers of tasks.
	Desired, Running int
}

// Result is how a deploy to a service ended.
type Result struct {
	// Outcome is how it ended; see Outcome.OK.
	Outcome rollout.Outcome
	// Reason is AWS's explanation, or what was unchanged.
	Reason string
	// TaskDefinition is the ARN that was deployed.
	TaskDefinition string
	// Registered is true when that revision was made by this deploy.
	Registered bool
	// Previous is the state before.
	Previous State
	// Image is what the named container runs in TaskDefinition.
	Image string
	// Deployment is the id of this deploy's own deployment.
	Deployment string
	// ServiceDeployment is its ARN where ECS gave one.
	ServiceDeployment string
	// Elapsed is the time from the update to the verdict.
	Elapsed time.Duration
	// Diagnosis says what was seen going wrong; empty on success.
	Diagnosis Diagnosis
}

// Summary is the result without what only ECS has.
func (r Result) Summary() rollout.Summary {
	return rollout.Summary{
		Outcome: r.Outcome, Version: rollout.ShortName(r.TaskDefinition), Previous: rollout.ShortName(r.Previous.TaskDefinition),
		Elapsed: r.Elapsed, Reason: r.Reason,
	}
}
