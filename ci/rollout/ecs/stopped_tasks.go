package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	// maxTasksRead is the most that DescribeTasks takes at once.
	maxTasksRead = 100
	// maxTaskPages is how many pages of a hundred stopped tasks are read.
	maxTaskPages = 20
	// maxLogs is how many tasks' logs are read.
	maxLogs = 2
	// logGrace is how many updates an empty log is asked for again: the last
	// lines of a crashed task arrive a little after it.
	logGrace = 5
)

// taskLog collects the stopped tasks of a deployment.
type taskLog struct {
	s                Services
	cluster, service string
	definition       types.TaskDefinition
	order            []string
	tasks            map[string]*TaskFailure
	tries            map[string]int
	// others are stopped tasks that say nothing of our deployment.
	others map[string]bool
	// stopping is true when the last listing showed tasks of ours on their way out.
	stopping bool
}

func newTaskLog(s Services, cluster, service string, definition types.TaskDefinition) *taskLog {
	return &taskLog{
		s: s, cluster: cluster, service: service, definition: definition,
		tasks: map[string]*TaskFailure{}, tries: map[string]int{}, others: map[string]bool{},
	}
}

// update reads newly stopped tasks and their logs, and returns lines about
// what is new. What cannot be read is left out: a diagnosis must not become the
// failure.
func (l *taskLog) update(ctx context.Context, deployment string) []string {
	var lines []string
	for _, t := range l.stopped(ctx, deployment) {
		id := rollout.ShortName(aws.ToString(t.TaskArn))
		if l.tasks[id] != nil {
			continue
		}
		f := failure(id, t)
		repeated := slices.ContainsFunc(l.failures(), func(o TaskFailure) bool { return o.cause() == f.cause() })
		l.tasks[id] = &f
		l.order = append(l.order, id)
		if !repeated {
			lines = append(lines, fmt.Sprintf("task %s stopped: %s", id, f.cause()))
		}
	}
	for _, id := range l.order[:min(len(l.order), maxLogs)] {
		if !l.awaitsLog(id) {
			continue
		}
		t := l.tasks[id]
		l.tries[id]++
		l.readLog(ctx, t)
		for _, line := range t.Log {
			lines = append(lines, fmt.Sprintf("task %s log: %s", id, line))
		}
	}
	return lines
}

// incomplete reports whether another listing is sure to show more: a task of ours
// is still stopping, or the last lines of one have not arrived.
func (l *taskLog) incomplete() bool {
	return l.stopping || slices.ContainsFunc(l.order[:min(len(l.order), maxLogs)], l.awaitsLog)
}

func (l *taskLog) awaitsLog(id string) bool {
	return l.s.Logs != nil && len(l.tasks[id].Log) == 0 && l.tries[id] <= logGrace
}

// failures is what was collected, in order.
func (l *taskLog) failures() []TaskFailure {
	out := make([]TaskFailure, 0, len(l.order))
	for _, id := range l.order {
		out = append(out, *l.tasks[id])
	}
	return out
}

// stopped lists our deployment's stopped tasks that are not known yet, oldest
// first.
func (l *taskLog) stopped(ctx context.Context, deployment string) []types.Task {
	listed, err := l.list(ctx)
	if err != nil {
		return nil
	}
	l.stopping = false
	unknown := slices.DeleteFunc(listed, func(arn string) bool { return l.others[arn] || l.tasks[rollout.ShortName(arn)] != nil })
	var tasks []types.Task
	for part := range slices.Chunk(unknown, maxTasksRead) {
		var out *ecs.DescribeTasksOutput
		err := l.s.Env.Call(ctx, func(ctx context.Context) (err error) {
			out, err = l.s.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(l.cluster), Tasks: part})
			return err
		})
		if err != nil {
			break
		}
		for _, t := range out.Tasks {
			switch {
			case !l.ours(t, deployment), wasWell(aws.ToString(t.StoppedReason)):
				l.others[aws.ToString(t.TaskArn)] = true
			case aws.ToString(t.LastStatus) == string(types.DesiredStatusStopped):
				tasks = append(tasks, t)
			default:
				l.stopping = true
			}
		}
	}
	slices.SortStableFunc(tasks, func(a, b types.Task) int { return stoppedAt(a).Compare(stoppedAt(b)) })
	return tasks
}

// list reads every page of the service's stopped tasks.
func (l *taskLog) list(ctx context.Context) ([]string, error) {
	in := &ecs.ListTasksInput{Cluster: aws.String(l.cluster), ServiceName: aws.String(l.service), DesiredStatus: types.DesiredStatusStopped}
	var all []string
	for range maxTaskPages {
		var out *ecs.ListTasksOutput
		err := l.s.Env.Call(ctx, func(ctx context.Context) (err error) {
			out, err = l.s.ECS.ListTasks(ctx, in)
			return err
		})
		if err != nil {
			return all, err
		}
		all = append(all, out.TaskArns...)
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	return all, nil
}

// wasWell reports whether a task was stopped though it was well: by scaling in,
// which the end of a rollback is too, or to spread tasks over zones again.
func wasWell(reason string) bool {
	return strings.Contains(reason, "Scaling activity initiated by") || strings.Contains(strings.ToLower(reason), "rebalanc")
}

// ours reports whether a task belongs to our deployment, which ECS names in
// startedBy.
func (l *taskLog) ours(t types.Task, deployment string) bool {
	if by := aws.ToString(t.StartedBy); by != "" && deployment != "" {
		return by == deployment
	}
	return aws.ToString(t.TaskDefinitionArn) == aws.ToString(l.definition.TaskDefinitionArn)
}

func stoppedAt(t types.Task) time.Time { return aws.ToTime(t.StoppedAt) }

func failure(id string, t types.Task) TaskFailure {
	f := TaskFailure{Task: id, StopCode: string(t.StopCode), Reason: aws.ToString(t.StoppedReason), StoppedAt: stoppedAt(t)}
	for _, c := range t.Containers {
		if aws.ToString(c.Reason) == "" && (c.ExitCode == nil || *c.ExitCode == 0) && len(t.Containers) > 1 {
			continue
		}
		cf := ContainerFailure{Name: aws.ToString(c.Name), Reason: aws.ToString(c.Reason)}
		if c.ExitCode != nil {
			code := int(*c.ExitCode)
			cf.ExitCode = &code
		}
		f.Containers = append(f.Containers, cf)
	}
	return f
}

// readLog reads the tail of the first failed container's log that can be read.
func (l *taskLog) readLog(ctx context.Context, t *TaskFailure) {
	for _, c := range t.Containers {
		if t.LogStream, t.Log = readTail(ctx, l.s.Env, l.s.Logs, l.definition.ContainerDefinitions, c.Name, t.Task); len(t.Log) > 0 {
			return
		}
	}
}
