// Package migrate runs a service's new image once with another command, as an
// ECS task of its own, and follows it to its end: how a schema is brought up to
// date before the service is updated. Start at Run.
package ecs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TaskAPI is the part of Amazon ECS that a one-off task needs; *ecs.Client has it.
type TaskAPI interface {
	RunTask(ctx context.Context, in *ecs.RunTaskInput, opts ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, opts ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	StopTask(ctx context.Context, in *ecs.StopTaskInput, opts ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
}

// Tasks runs one-off tasks.
type Tasks struct {
	// ECS is the TaskAPI.
	ECS TaskAPI
	// Logs reads the task's log; nil means that it is not shown.
	Logs LogTail
	// Env is the randomness and where progress goes.
	Env poll.Env
}

// TaskRequest says what to run.
type TaskRequest struct {
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
	// Timeout bounds the task; zero means DefaultTaskTimeout.
	Timeout time.Duration
}

// DefaultTaskTimeout is how long a task may take unless told otherwise: more than
// the ten minutes after which the API's migration gives up by itself.
const DefaultTaskTimeout = 15 * time.Minute

const (
	// migrationStartedBy marks the task for who lists them.
	migrationStartedBy = "pipeline-migrate"
	// taskStopPatience is how long a caller that gave up waits for the task to be
	// told.
	taskStopPatience = 2 * time.Second
)

// Run starts the task and returns nil once it has ended with exit code 0.
// Every other end is a *rollout.Error: NotStarted when there was no task,
// Failed with the reason and the log's last lines, also after the task was
// stopped because it took too long; TimedOut when it could not be stopped;
// Canceled after it was told to stop; Lost when ECS could not be asked any more.
// A migration that is stopped undoes what it has not committed.
func (t Tasks) Run(ctx context.Context, req TaskRequest) error {
	subject := "task " + strings.Join(req.Command, " ") + " of " + aws.ToString(req.Service.ServiceName)
	id, err := t.start(ctx, req)
	if err != nil {
		return &rollout.Error{
			Outcome: cmp.Or(outcomeIfCanceled(ctx), rollout.NotStarted), Subject: subject, Err: err,
			Next: "the service was not updated; mend that and deploy again",
		}
	}
	t.Env.Reportf("migrate: task %s started", rollout.ShortName(id))
	ended, err := t.follow(ctx, req, id)
	if err != nil {
		return t.giveUp(ctx, req, id, subject, err)
	}
	failure := taskVerdict(ended, req.Container)
	if failure == "" {
		t.Env.Reportf("migrate: task %s ended well", rollout.ShortName(id))
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

// HasVariable reports whether the container of a revision is given a variable, as
// text or as a secret: without its DATABASE_URL the TaskAPI has nothing to migrate.
func HasVariable(definition types.TaskDefinition, container, variable string) bool {
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
func (t Tasks) start(ctx context.Context, req TaskRequest) (string, error) {
	in := &ecs.RunTaskInput{
		Cluster:              req.Service.ClusterArn,
		TaskDefinition:       req.Definition.TaskDefinitionArn,
		ClientToken:          aws.String(rand.Text()),
		Count:                aws.Int32(1),
		StartedBy:            aws.String(migrationStartedBy),
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
	loop := t.Env.Start()
	for {
		out, err := t.ECS.RunTask(ctx, in)
		switch {
		case err == nil && len(out.Tasks) > 0:
			return aws.ToString(out.Tasks[0].TaskArn), nil
		case err == nil && len(out.Failures) > 0:
			return "", fmt.Errorf("run the task: ECS answered %s %s", aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
		case err == nil:
			return "", errors.New("run the task: the answer names none")
		case !poll.Transient(err) || loop.Exhausted():
			return "", fmt.Errorf("run the task: %w", err)
		}
		loop.Failed()
		if err := loop.Wait(ctx); err != nil {
			return "", err
		}
	}
}

// errTaskTimeout ends the wait for a task that takes too long.
var errTaskTimeout = errors.New("it takes too long")

// follow asks until the task has stopped.
func (t Tasks) follow(ctx context.Context, req TaskRequest, id string) (types.Task, error) {
	timeout := cmp.Or(req.Timeout, DefaultTaskTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: more than %s", errTaskTimeout, timeout))
	defer cancel()
	loop := t.Env.Start()
	status := ""
	for {
		task, err := t.look(ctx, req, id)
		switch {
		case err == nil:
			loop.Answered()
			if now := aws.ToString(task.LastStatus); now != status {
				status = now
				t.Env.Reportf("migrate: task %s is %s", rollout.ShortName(id), status)
			}
			if status == string(types.DesiredStatusStopped) {
				return task, nil
			}
		case ctx.Err() != nil:
			return task, context.Cause(ctx)
		case !poll.Transient(err) && !errors.Is(err, errTaskUnseen), loop.Exhausted():
			return task, err
		default:
			loop.Failed()
		}
		if err := loop.Wait(ctx); err != nil {
			return task, context.Cause(ctx)
		}
	}
}

// errTaskUnseen is a task that ECS does not show, as it may not for a moment after
// it was started.
var errTaskUnseen = errors.New("ECS does not know the task")

func (t Tasks) look(ctx context.Context, req TaskRequest, id string) (types.Task, error) {
	out, err := t.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: req.Service.ClusterArn, Tasks: []string{id}})
	switch {
	case err != nil:
		return types.Task{}, fmt.Errorf("look at task %s: %w", rollout.ShortName(id), err)
	case len(out.Tasks) == 0:
		return types.Task{}, fmt.Errorf("look at task %s: %w", rollout.ShortName(id), errTaskUnseen)
	}
	return out.Tasks[0], nil
}

// verdict is empty for a stopped task whose container ended well, and otherwise
// says how it ended.
func taskVerdict(task types.Task, container string) string {
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
func (t Tasks) giveUp(ctx context.Context, req TaskRequest, id, subject string, cause error) error {
	e := &rollout.Error{
		Outcome: rollout.Lost, Subject: subject, Err: cause,
		Next: fmt.Sprintf("the service was not updated; look at task %s and at the schema before the next deploy", rollout.ShortName(id)),
	}
	switch {
	case errors.Is(cause, errTaskTimeout):
		e.Outcome = rollout.Failed // as a task is that was stopped
	case ctx.Err() != nil:
		e.Outcome = rollout.Canceled
	default:
		return e
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), taskStopPatience)
	defer cancel()
	_, err := t.ECS.StopTask(stopping, &ecs.StopTaskInput{
		Cluster: req.Service.ClusterArn, Task: aws.String(id), Reason: aws.String("the pipeline gave up: " + cause.Error()),
	})
	if err != nil {
		e.Outcome = cmp.Or(outcomeIfCanceled(ctx), rollout.TimedOut) // it goes on
		e.Err = fmt.Errorf("%w; and it could not be told to stop: %w", cause, err)
		return e
	}
	if log := t.log(stopping, req, id); len(log) > 0 {
		e.Reason = "it was told to stop\n  log: " + strings.Join(log, "\n  log: ") + "\n"
	}
	return e
}

// log is the tail of the container's log, which is asked for again while it is
// empty: the last lines arrive a little after the end.
func (t Tasks) log(ctx context.Context, req TaskRequest, id string) []string {
	loop := t.Env.Start()
	for range logGrace {
		_, lines := readTail(ctx, t.Logs, req.Definition.ContainerDefinitions, req.Container, rollout.ShortName(id))
		if len(lines) > 0 || t.Logs == nil || loop.Wait(ctx) != nil {
			return lines
		}
	}
	return nil
}

func outcomeIfCanceled(ctx context.Context) rollout.Outcome {
	if ctx.Err() != nil {
		return rollout.Canceled
	}
	return ""
}
