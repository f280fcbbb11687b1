// Package ecs deploys to Amazon ECS services and runs one-off tasks for them, such
// as a migration. Start at Services.Deploy and Tasks.Run; what an answer of ECS
// means is decided by Evaluate. What has to hold before a change is in Checks.
package ecs

import (
	"context"
	"strings"
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
	// Container is the container in it that gets Image, the image's reference by
	// digest, HOST/NAME@sha256:... It may be left out where Containers has any.
	Container string
	Image     string
	// Containers are more containers and their images by digest, by the
	// container's name: for a web and a worker container that share a task.
	Containers map[string]string
	// Verify checks the revision that the service is about to run, before anything
	// is changed; its error ends the deploy as VerificationFailed. It is asked also
	// when that revision was registered earlier or is being deployed: only what
	// runs already, in all the tasks that are wanted, is not verified again. Nil
	// means no verification.
	Verify func(ctx context.Context, service types.Service, revision *ecs.RegisterTaskDefinitionInput) error
	// Force makes a new deployment of what runs already, such as to start its tasks
	// with a secret's new value. One that is under way is joined and not replaced.
	Force bool
	// SkipVerify leaves Verify out, and says so in the progress.
	SkipVerify bool
	// Prepare is called with the registered revision before the service is
	// updated to it: for what has to be done once, such as a migration. An error
	// ends the deploy with the service as it was; a *rollout.Error gives the
	// outcome, any other is NotStarted, and either is Failed if something was
	// changed. It is not called when there is nothing to update.
	Prepare func(ctx context.Context, service types.Service, definition types.TaskDefinition) error
	// Changes collects what the deploy changes; Prepare adds what it changes. Nil
	// means one of Deploy's own.
	Changes *rollout.Changes
	// MayRollBack is asked before this deployer orders a rollback; its error is a
	// reason not to, such as a migration that the version before cannot run with.
	// ECS's own circuit breaker does not ask. Nil means always.
	MayRollBack func(ctx context.Context) error
	// Follow says how the deployment is followed.
	Follow FollowOptions
}

// FollowOptions say how a deployment is followed. The zero value is meant to be
// good.
type FollowOptions struct {
	// Timeout bounds the deployment, and before it the reading of what there is;
	// zero means DefaultTimeout.
	Timeout time.Duration
	// FailFast is how many failed tasks of this deployment, without a new healthy
	// one between them, make it be stopped and rolled back. Zero means the
	// threshold of the service's circuit breaker, also where that is off; see
	// failureThreshold.
	FailFast int
	// OnCancel says what becomes of the deployment when the caller gives up.
	OnCancel CancelPolicy
}

// DefaultTimeout is how long a service deployment may take unless the caller says
// otherwise.
const DefaultTimeout = 20 * time.Minute

// State is what a service runs at one moment, kept so that it can be
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
	// Settled is true when a deployment of TaskDefinition has completed. A service
	// that never came up, such as one whose image was never pushed, has nothing
	// worth going back to.
	Settled bool
	// Since is when the primary deployment began.
	Since time.Time
	// Desired and Running are numbers of tasks.
	Desired, Running int
}

// ContainerImage is what one container of a task definition runs.
type ContainerImage struct {
	// Container is its name, Image the reference of what it runs.
	Container, Image string
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
	// Image is what the container named by Request.Container runs in
	// TaskDefinition, Images what each container of the request runs, by name.
	Image  string
	Images map[string]string
	// Deployment is the id of this deploy's own deployment.
	Deployment string
	// ServiceDeployment is its ARN where ECS gave one.
	ServiceDeployment string
	// Elapsed is the time from the update to the verdict.
	Elapsed time.Duration
	// Changed lists what was changed, in order.
	Changed []string
	// Ended is true when nothing of this deploy is under way any more. It is false
	// when the deployment goes on in ECS, or may: only what has ended may be
	// compensated.
	Ended bool
	// Diagnosis says what went wrong; empty on success.
	Diagnosis Diagnosis
}

// Summary is the result without what only ECS has.
func (r Result) Summary() rollout.Summary {
	return rollout.Summary{
		Outcome: r.Outcome, Version: rollout.ShortName(r.TaskDefinition), Previous: rollout.ShortName(r.Previous.TaskDefinition),
		Elapsed: r.Elapsed, Reason: r.Reason,
		Open: r.Outcome != "" && r.Outcome != rollout.NotStarted && !r.Ended, Changed: strings.Join(r.Changed, ", "),
	}
}
