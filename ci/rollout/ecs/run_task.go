package ecs

import (
	"cmp"
	"context"
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
	// Changes collects what the task changed; nil collects nothing.
	Changes *rollout.Changes
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

// DefaultTaskTimeout is how long a task may take unless the caller says otherwise:
// more than the ten minutes after which the API's migration gives up by itself.
const DefaultTaskTimeout = 15 * time.Minute

const (
	// migrationStartedBy marks the task for who lists them.
	migrationStartedBy = "pipeline-migrate"
	// taskStopTime bounds the order to stop a task: briefly for a caller that has
	// gone, and long enough to repeat it for one that waits.
	taskStopTime       = 30 * time.Second
	taskStopTimeCancel = 2 * time.Second
	// maxTaskTries is how many tasks may fail to start, for a reason that passes by
	// itself, before that is the verdict.
	maxTaskTries = 3
)

// Run starts the task and returns nil once it has ended with exit code 0.
// Every other end is a *rollout.Error: NotStarted when there was no task,
// Failed with the reason and the log's last lines, also after the task was
// stopped because it took too long; TimedOut when it could not be stopped;
// Canceled after it was stopped for a caller that has gone; Lost when ECS could
// not be asked any more. A task that never started, for a reason that passes by
// itself, is started again. A migration that is stopped undoes what it has not
// committed.
func (t Tasks) Run(ctx context.Context, req TaskRequest) error {
	command := strings.Join(req.Command, " ")
	subject := "task " + command + " of " + aws.ToString(req.Service.ServiceName)
	for try := 1; ; try++ {
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
			t.Changes.Add("task " + command + " started, and how it ended is not known")
			return t.giveUp(ctx, req, id, subject, err)
		}
		failure := taskVerdict(ended, req.Container)
		if failure == "" {
			t.Changes.Add("task " + command + " ran to its end")
			t.Env.Reportf("migrate: task %s ended well", rollout.ShortName(id))
			return nil
		}
		neverRan := neverRan(ended)
		if neverRan && !isHopeless(failure) && try < maxTaskTries {
			t.Env.Reportf("migrate: task %s did not start (%s), trying again", rollout.ShortName(id), failure)
			if pause(ctx, time.Duration(try)*taskPause) == nil {
				continue
			}
		}
		if !neverRan {
			t.Changes.Add("task " + command + " ran and failed")
		}
		if log := t.log(ctx, req, id); len(log) > 0 {
			failure += "\n  log: " + strings.Join(log, "\n  log: ")
		}
		return &rollout.Error{
			Outcome: rollout.Failed, Subject: subject, Reason: failure,
			Next: "the service was not updated and runs as before; mend the migration and deploy again",
		}
	}
}

// taskPause is the pause before a task is started again, longer after each try.
const taskPause = 20 * time.Second

// pause waits for d or until ctx ends, and returns ctx's error then.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// neverRan reports whether ECS could not start any container of the task.
func neverRan(task types.Task) bool {
	return task.StopCode == types.TaskStopCodeTaskFailedToStart &&
		!slices.ContainsFunc(task.Containers, func(c types.Container) bool { return c.ExitCode != nil })
}

// HasVariable reports whether the container of a revision is given a variable, as
// text or as a secret: without its DATABASE_URL an API has nothing to migrate.
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

// errTaskTimeout ends the wait for a task that takes too long.
var errTaskTimeout = errors.New("it takes too long")

// follow asks until the task has stopped.
func (t Tasks) follow(ctx context.Context, req TaskRequest, id string) (types.Task, error) {
	timeout := cmp.Or(req.Timeout, DefaultTaskTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: more than %s", errTaskTimeout, timeout))
	defer cancel()
	loop := t.Env.Start()
	status := ""
	var task types.Task
	for {
		err := loop.Call(ctx, func(ctx context.Context) error {
			now, err := t.describe(ctx, req, id)
			if err == nil {
				task = now
			}
			return err
		})
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
		case !poll.Transient(err) && !errors.Is(err, errTaskUnknown), loop.Exhausted():
			return task, err
		default:
			loop.Failed()
		}
		if err := loop.Wait(ctx); err != nil {
			return task, context.Cause(ctx)
		}
	}
}

// errTaskUnknown is a task that ECS does not show, as it may not for a moment
// after it was started.
var errTaskUnknown = errors.New("ECS does not know the task")

func (t Tasks) describe(ctx context.Context, req TaskRequest, id string) (types.Task, error) {
	out, err := t.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: req.Service.ClusterArn, Tasks: []string{id}})
	switch {
	case err != nil:
		return types.Task{}, fmt.Errorf("read task %s: %w", rollout.ShortName(id), err)
	case len(out.Tasks) == 0:
		return types.Task{}, fmt.Errorf("read task %s: %w", rollout.ShortName(id), errTaskUnknown)
	}
	return out.Tasks[0], nil
}

// taskVerdict is empty for a stopped task whose container ended well, and otherwise
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

// giveUp stops the task, unless ECS cannot be asked, and says why.
func (t Tasks) giveUp(ctx context.Context, req TaskRequest, id, subject string, cause error) error {
	e := &rollout.Error{
		Outcome: rollout.Lost, Subject: subject, Err: cause,
		Next: fmt.Sprintf("the service was not updated; look at task %s and at the schema before the next deploy", rollout.ShortName(id)),
	}
	limit := taskStopTime
	switch {
	case ctx.Err() != nil:
		e.Outcome, limit = rollout.Canceled, taskStopTimeCancel
	case errors.Is(cause, errTaskTimeout):
		e.Outcome = rollout.Failed // as a task is that was stopped
	default:
		return e
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := t.stop(stopping, req, id, "the pipeline gave up: "+cause.Error()); err != nil {
		e.Outcome = cmp.Or(outcomeIfCanceled(ctx), rollout.TimedOut) // it goes on
		e.Err = fmt.Errorf("%w; and it could not be stopped: %w", cause, err)
		return e
	}
	if log := t.log(stopping, req, id); len(log) > 0 {
		e.Reason = "it was ordered to stop\n  log: " + strings.Join(log, "\n  log: ") + "\n"
	}
	return e
}

// stop orders ECS to stop the task, again while that fails in passing. An order
// whose answer was lost counts as taken if the task is to stop.
func (t Tasks) stop(ctx context.Context, req TaskRequest, id, reason string) error {
	in := &ecs.StopTaskInput{Cluster: req.Service.ClusterArn, Task: aws.String(id), Reason: aws.String(reason[:min(len(reason), maxStopReason)])}
	loop := t.Env.Start()
	for {
		err := t.Env.Change(ctx, func(ctx context.Context) error {
			_, err := t.ECS.StopTask(ctx, in, oneAttempt)
			return err
		})
		if err == nil || !poll.Transient(err) {
			return err
		}
		if poll.Uncertain(err) {
			var task types.Task
			lookup := loop.Call(ctx, func(ctx context.Context) (err error) {
				task, err = t.describe(ctx, req, id)
				return err
			})
			stopped := string(types.DesiredStatusStopped)
			if lookup == nil && (aws.ToString(task.DesiredStatus) == stopped || aws.ToString(task.LastStatus) == stopped) {
				return nil
			}
		}
		loop.Failed()
		if loop.Wait(ctx) != nil {
			return err
		}
	}
}

// maxStopReason is the longest reason that StopTask takes.
const maxStopReason = 1024

// log is the tail of the container's log, which is read again while it is
// empty: the last lines arrive a little after the end.
func (t Tasks) log(ctx context.Context, req TaskRequest, id string) []string {
	loop := t.Env.Start()
	for range logGrace {
		_, lines := readTail(ctx, t.Env, t.Logs, req.Definition.ContainerDefinitions, req.Container, rollout.ShortName(id))
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
