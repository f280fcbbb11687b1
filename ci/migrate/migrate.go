// Package migrate runs a service's new image once with another command, as an
// ECS task of its own, and follows it to its end: how a schema is brought up to
// date before the service is updated. Start at Run.
package migrate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// API is the part of Amazon ECS that a one-off task needs; *ecs.Client has it.
type API interface {
	RunTask(ctx context.Context, in *ecs.RunTaskInput, opts ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, opts ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	StopTask(ctx context.Context, in *ecs.StopTaskInput, opts ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
}

// Tasks runs one-off tasks.
type Tasks struct {
	// ECS is the API.
	ECS API
	// Logs reads the task's log; nil means that it is not shown.
	Logs rollout.LogTail
	// Env is the randomness and where progress goes.
	Env rollout.Env
}

// Request says what to run.
type Request struct {
	// Service is the service that is to be updated: the task runs in its
	// cluster and network, on its capacity.
	Service types.Service
	// Definition is the revision that the service is to get.
	Definition types.TaskDefinition
	// Container is the container in it that gets Command; its exit code is the
	// verdict.
	Container string
	// Command is in place of the image's own, such as ["migrate"].
	Command []string
	// Timeout bounds the task; zero means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long a task may take unless told otherwise: more than
// the ten minutes after which the API's migration gives up by itself.
const DefaultTimeout = 15 * time.Minute

const (
	// startedBy marks the task for who lists them.
	startedBy = "pipeline-migrate"
	// maxFailures is how many passing failures in a row are borne.
	maxFailures = 8
	// maxLogLines is how much of a failed task's log is told.
	maxLogLines = 20
	// logGrace is how often an empty log is asked for again: last lines arrive
	// a little after the end.
	logGrace = 5
	// stopPatience is how long a caller that gave up waits for the task to be
	// told.
	stopPatience = 2 * time.Second
)

// Run starts the task and returns nil once it has ended with exit code 0.
// Every other end is a *rollout.Error: NotStarted when there was no task,
// Failed with the reason and the log's last lines, also after the task was
// stopped because it took too long; TimedOut when it could not be stopped;
// Canceled after it was told to stop; Lost when ECS could not be asked any more.
// A migration that is stopped undoes what it has not committed.
func (t Tasks) Run(ctx context.Context, req Request) error {
	subject := "task " + strings.Join(req.Command, " ") + " of " + aws.ToString(req.Service.ServiceName)
	id, err := t.start(ctx, req)
	if err != nil {
		return &rollout.Error{
			Outcome: cmp.Or(canceled(ctx), rollout.NotStarted), Subject: subject, Err: err,
			Next: "the service was not updated; mend that and deploy again",
		}
	}
	t.say("migrate: task %s started", rollout.ShortName(id))
	ended, err := t.follow(ctx, req, id)
	if err != nil {
		return t.giveUp(ctx, req, id, subject, err)
	}
	failure := verdict(ended, req.Container)
	if failure == "" {
		t.say("migrate: task %s ended well", rollout.ShortName(id))
		return nil
	}
	if log := t.log(ctx, req, id); len(log) > 0 {
		failure += "\n  log: " + strings.Join(log, "\n  log: ")
	}
	return &rollout.Error{
		Outcome: rollout.Failed, Subject: subject, Reason: failure,
		Next: "the service was not updated and runs as before; mend the migration and deploy again",
	}
}

// Needed reports whether the container of a revision is given a variable, as
// text or as a secret: without its DATABASE_URL the API has nothing to migrate.
func Needed(definition types.TaskDefinition, container, variable string) bool {
	for _, c := range definition.ContainerDefinitions {
		if aws.ToString(c.Name) != container {
			continue
		}
		return slices.ContainsFunc(c.Secrets, func(s types.Secret) bool { return aws.ToString(s.Name) == variable }) ||
			slices.ContainsFunc(c.Environment, func(e types.KeyValuePair) bool { return aws.ToString(e.Name) == variable })
	}
	return false
}

// start runs the task and returns its ARN. The token lets ECS know a request
// that comes again, so that a lost answer does not start a second task.
func (t Tasks) start(ctx context.Context, req Request) (string, error) {
	in := &ecs.RunTaskInput{
		Cluster:              req.Service.ClusterArn,
		TaskDefinition:       req.Definition.TaskDefinitionArn,
		ClientToken:          aws.String(rand.Text()),
		Count:                aws.Int32(1),
		StartedBy:            aws.String(startedBy),
		NetworkConfiguration: req.Service.NetworkConfiguration,
		PlatformVersion:      req.Service.PlatformVersion,
		Overrides: &types.TaskOverride{
			ContainerOverrides: []types.ContainerOverride{{Name: aws.String(req.Container), Command: req.Command}},
		},
	}
	// Spot capacity may be taken back in the middle of it, so of the service's
	// capacity providers only its kind is used.
	if len(req.Service.CapacityProviderStrategy) > 0 || req.Service.LaunchType == types.LaunchTypeFargate {
		in.LaunchType = types.LaunchTypeFargate
	}
	poll := t.Env.Poll()
	for {
		out, err := t.ECS.RunTask(ctx, in)
		switch {
		case err == nil && len(out.Tasks) > 0:
			return aws.ToString(out.Tasks[0].TaskArn), nil
		case err == nil && len(out.Failures) > 0:
			return "", fmt.Errorf("run the task: ECS answered %s %s", aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
		case err == nil:
			return "", errors.New("run the task: the answer names none")
		case !rollout.Transient(err) || poll.Failures() >= maxFailures:
			return "", fmt.Errorf("run the task: %w", err)
		}
		poll.Failed()
		if err := poll.Wait(ctx); err != nil {
			return "", err
		}
	}
}

// errTimeout ends the wait for a task that takes too long.
var errTimeout = errors.New("it takes too long")

// follow asks until the task has stopped.
func (t Tasks) follow(ctx context.Context, req Request, id string) (types.Task, error) {
	timeout := cmp.Or(req.Timeout, DefaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: more than %s", errTimeout, timeout))
	defer cancel()
	poll := t.Env.Poll()
	status := ""
	for {
		task, err := t.look(ctx, req, id)
		switch {
		case err == nil:
			poll.Answered()
			if now := aws.ToString(task.LastStatus); now != status {
				status = now
				t.say("migrate: task %s is %s", rollout.ShortName(id), status)
			}
			if status == string(types.DesiredStatusStopped) {
				return task, nil
			}
		case ctx.Err() != nil:
			return task, context.Cause(ctx)
		case !rollout.Transient(err) && !errors.Is(err, errUnseen), poll.Failures() >= maxFailures:
			return task, err
		default:
			poll.Failed()
		}
		if err := poll.Wait(ctx); err != nil {
			return task, context.Cause(ctx)
		}
	}
}

// errUnseen is a task that ECS does not show, as it may not for a moment after
// it was started.
var errUnseen = errors.New("ECS does not know the task")

func (t Tasks) look(ctx context.Context, req Request, id string) (types.Task, error) {
	out, err := t.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: req.Service.ClusterArn, Tasks: []string{id}})
	switch {
	case err != nil:
		return types.Task{}, fmt.Errorf("look at task %s: %w", rollout.ShortName(id), err)
	case len(out.Tasks) == 0:
		return types.Task{}, fmt.Errorf("look at task %s: %w", rollout.ShortName(id), errUnseen)
	}
	return out.Tasks[0], nil
}

// verdict is empty for a stopped task whose container ended well, and otherwise
// says how it ended.
func verdict(task types.Task, container string) string {
	parts := []string{cmp.Or(aws.ToString(task.StoppedReason), string(task.StopCode), "it stopped")}
	for _, c := range task.Containers {
		if c.ExitCode != nil && aws.ToString(c.Name) == container && *c.ExitCode == 0 {
			return ""
		}
		if c.ExitCode != nil {
			parts = append(parts, fmt.Sprintf("container %s exit code %d", aws.ToString(c.Name), *c.ExitCode))
		}
		if reason := aws.ToString(c.Reason); reason != "" {
			parts = append(parts, fmt.Sprintf("container %s: %s", aws.ToString(c.Name), reason))
		}
	}
	return strings.Join(parts, "; ")
}

// giveUp tells the task to stop, unless ECS cannot be asked, and says why.
func (t Tasks) giveUp(ctx context.Context, req Request, id, subject string, cause error) error {
	e := &rollout.Error{
		Outcome: rollout.Lost, Subject: subject, Err: cause,
		Next: fmt.Sprintf("the service was not updated; look at task %s and at the schema before the next deploy", rollout.ShortName(id)),
	}
	switch {
	case errors.Is(cause, errTimeout):
		e.Outcome = rollout.Failed // as a task is that was stopped
	case ctx.Err() != nil:
		e.Outcome = rollout.Canceled
	default:
		return e
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	_, err := t.ECS.StopTask(stopping, &ecs.StopTaskInput{
		Cluster: req.Service.ClusterArn, Task: aws.String(id), Reason: aws.String("the pipeline gave up: " + cause.Error()),
	})
	if err != nil {
		e.Outcome = cmp.Or(canceled(ctx), rollout.TimedOut) // it goes on
		e.Err = fmt.Errorf("%w; and it could not be told to stop: %w", cause, err)
		return e
	}
	if log := t.log(stopping, req, id); len(log) > 0 {
		e.Reason = "it was told to stop\n  log: " + strings.Join(log, "\n  log: ") + "\n"
	}
	return e
}

// log is the tail of the container's log. What cannot be read is left out: it
// must not become the failure.
func (t Tasks) log(ctx context.Context, req Request, id string) []string {
	group, stream, ok := logStream(req, rollout.ShortName(id))
	if t.Logs == nil || !ok {
		return nil
	}
	poll := t.Env.Poll()
	for range logGrace {
		out, err := t.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &group, LogStreamName: &stream, Limit: aws.Int32(maxLogLines), StartFromHead: aws.Bool(false),
		})
		if err == nil && len(out.Events) > 0 {
			var lines []string
			for _, e := range out.Events[max(0, len(out.Events)-maxLogLines):] {
				lines = append(lines, strings.TrimRight(aws.ToString(e.Message), "\r\n"))
			}
			return lines
		}
		if poll.Wait(ctx) != nil {
			return nil
		}
	}
	return nil
}

// logStream is where the container logs to: PREFIX/CONTAINER/TASK (Amazon ECS
// Developer Guide, "Send Amazon ECS logs to CloudWatch").
func logStream(req Request, id string) (group, stream string, ok bool) {
	for _, c := range req.Definition.ContainerDefinitions {
		if aws.ToString(c.Name) != req.Container || c.LogConfiguration == nil || c.LogConfiguration.LogDriver != types.LogDriverAwslogs {
			continue
		}
		options := c.LogConfiguration.Options
		group, prefix := options["awslogs-group"], options["awslogs-stream-prefix"]
		return group, prefix + "/" + req.Container + "/" + id, group != "" && prefix != ""
	}
	return "", "", false
}

func (t Tasks) say(format string, args ...any) {
	if t.Env.Progress != nil {
		t.Env.Progress(fmt.Sprintf(format, args...))
	}
}

func canceled(ctx context.Context) rollout.Outcome {
	if ctx.Err() != nil {
		return rollout.Canceled
	}
	return ""
}
