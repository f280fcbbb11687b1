package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Diagnosis is what was seen going wrong during a deployment.
type Diagnosis struct {
	// Events are the service's messages since the deployment began, oldest
	// first.
	Events []string
	// Tasks are the deployment's stopped tasks, oldest first.
	Tasks []TaskFailure
}

// TaskFailure is a task that stopped.
type TaskFailure struct {
	// Task is the task's id.
	Task string
	// StopCode and Reason are ECS's words for why it stopped.
	StopCode, Reason string
	// Containers are the containers that ended badly.
	Containers []ContainerFailure
	// LogStream names where Log was read.
	LogStream string
	// Log is the tail of the failed container's log, oldest line first; only
	// the first tasks have it.
	Log []string
}

// ContainerFailure is a container that ended badly.
type ContainerFailure struct {
	// Name is the container's name in the task definition.
	Name string
	// ExitCode is its exit code; nil if it never ran.
	ExitCode *int
	// Reason is ECS's word for it, such as CannotPullContainerError.
	Reason string
}

// Lines is the diagnosis as text, for a report. Tasks that stopped for the same
// reason are told once.
func (d Diagnosis) Lines() []string {
	var lines []string
	told := map[string]int{}
	var order []TaskFailure
	for _, t := range d.Tasks {
		if told[t.cause()]++; told[t.cause()] == 1 {
			order = append(order, t)
		}
	}
	for _, t := range order {
		line := fmt.Sprintf("task %s stopped: %s", t.Task, t.cause())
		if n := told[t.cause()]; n > 1 {
			line += fmt.Sprintf(" (and %d more like it)", n-1)
		}
		lines = append(lines, line)
		for _, l := range t.Log {
			lines = append(lines, "  log: "+l)
		}
	}
	for _, e := range d.Events {
		lines = append(lines, "event: "+e)
	}
	return lines
}

// cause is a task's end without what differs between like tasks.
func (t TaskFailure) cause() string {
	parts := []string{orText(t.Reason, orText(t.StopCode, "no reason given"))}
	for _, c := range t.Containers {
		s := "container " + c.Name
		if c.ExitCode != nil {
			s += fmt.Sprintf(" exit code %d", *c.ExitCode)
		}
		if c.Reason != "" {
			s += ": " + c.Reason
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// eventLog collects a service's events by id.
type eventLog struct {
	seen  map[string]bool
	lines []string
}

func newEventLog(before []types.ServiceEvent) *eventLog {
	l := &eventLog{seen: map[string]bool{}}
	for _, e := range before {
		l.seen[eventID(e)] = true
	}
	return l
}

// add returns the messages that are new, oldest first; ECS sends newest first.
func (l *eventLog) add(events []types.ServiceEvent) []string {
	var fresh []string
	for _, e := range slices.Backward(events) {
		if id := eventID(e); !l.seen[id] {
			l.seen[id] = true
			fresh = append(fresh, aws.ToString(e.Message))
		}
	}
	l.lines = append(l.lines, fresh...)
	return fresh
}

func eventID(e types.ServiceEvent) string {
	return orText(aws.ToString(e.Id), aws.ToTime(e.CreatedAt).String()+aws.ToString(e.Message))
}

// troubling reports whether an event is about something that fails.
func troubling(message string) bool {
	m := strings.ToLower(message)
	return slices.ContainsFunc([]string{"unable", "fail", "unhealthy", "error", "rolling back"}, func(w string) bool {
		return strings.Contains(m, w)
	})
}

const (
	// maxTasksRead is the most that DescribeTasks takes at once.
	maxTasksRead = 100
	// maxLogs is how many tasks' logs are read, maxLogLines how many lines.
	maxLogs     = 2
	maxLogLines = 20
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
}

func newTaskLog(s Services, cluster, service string, definition types.TaskDefinition) *taskLog {
	return &taskLog{
		s: s, cluster: cluster, service: service, definition: definition,
		tasks: map[string]*TaskFailure{}, tries: map[string]int{},
	}
}

// update looks for newly stopped tasks and their logs, and returns lines about
// what is new. What cannot be read is left out: a diagnosis must not become the
// failure.
func (l *taskLog) update(ctx context.Context, deployment string) []string {
	var lines []string
	for _, t := range l.stopped(ctx, deployment) {
		id := short(aws.ToString(t.TaskArn))
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
		t := l.tasks[id]
		if len(t.Log) > 0 || l.tries[id] > logGrace {
			continue
		}
		l.tries[id]++
		l.readLog(ctx, t)
		for _, line := range t.Log {
			lines = append(lines, fmt.Sprintf("task %s log: %s", id, line))
		}
	}
	return lines
}

// failures is what was collected, in order.
func (l *taskLog) failures() []TaskFailure {
	out := make([]TaskFailure, 0, len(l.order))
	for _, id := range l.order {
		out = append(out, *l.tasks[id])
	}
	return out
}

// stopped lists our deployment's stopped tasks, oldest first. ECS names the
// deployment that started a task in startedBy.
func (l *taskLog) stopped(ctx context.Context, deployment string) []types.Task {
	list, err := l.s.ECS.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: aws.String(l.cluster), ServiceName: aws.String(l.service), DesiredStatus: types.DesiredStatusStopped,
	})
	if err != nil || len(list.TaskArns) == 0 {
		return nil
	}
	out, err := l.s.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{
		Cluster: aws.String(l.cluster), Tasks: list.TaskArns[:min(len(list.TaskArns), maxTasksRead)],
	})
	if err != nil {
		return nil
	}
	tasks := slices.DeleteFunc(out.Tasks, func(t types.Task) bool {
		if by := aws.ToString(t.StartedBy); by != "" && deployment != "" {
			return by != deployment
		}
		return aws.ToString(t.TaskDefinitionArn) != aws.ToString(l.definition.TaskDefinitionArn)
	})
	tasks = slices.DeleteFunc(tasks, func(t types.Task) bool {
		// Scaling in and the end of a rollback stop tasks that were well.
		return strings.Contains(aws.ToString(t.StoppedReason), "Scaling activity initiated by")
	})
	slices.SortStableFunc(tasks, func(a, b types.Task) int { return stoppedAt(a).Compare(stoppedAt(b)) })
	return tasks
}

func stoppedAt(t types.Task) time.Time { return aws.ToTime(t.StoppedAt) }

func failure(id string, t types.Task) TaskFailure {
	f := TaskFailure{Task: id, StopCode: string(t.StopCode), Reason: aws.ToString(t.StoppedReason)}
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

// readLog reads the tail of the first failed container that logs through
// awslogs. Its stream is PREFIX/CONTAINER/TASK (Amazon ECS Developer Guide,
// "Send Amazon ECS logs to CloudWatch", awslogs-stream-prefix).
func (l *taskLog) readLog(ctx context.Context, t *TaskFailure) {
	if l.s.Logs == nil {
		return
	}
	for _, c := range t.Containers {
		group, stream, ok := logStream(l.definition.ContainerDefinitions, c.Name, t.Task)
		if !ok {
			continue
		}
		out, err := l.s.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(group), LogStreamName: aws.String(stream),
			Limit: aws.Int32(maxLogLines), StartFromHead: aws.Bool(false),
		})
		if err != nil || len(out.Events) == 0 {
			continue
		}
		t.LogStream = group + ":" + stream
		for _, e := range out.Events[max(0, len(out.Events)-maxLogLines):] {
			t.Log = append(t.Log, strings.TrimRight(aws.ToString(e.Message), "\r\n"))
		}
		return
	}
}

// logStream is where a container of a task logs to.
func logStream(containers []types.ContainerDefinition, name, task string) (group, stream string, ok bool) {
	for _, c := range containers {
		if aws.ToString(c.Name) != name || c.LogConfiguration == nil || c.LogConfiguration.LogDriver != types.LogDriverAwslogs {
			continue
		}
		group, prefix := c.LogConfiguration.Options["awslogs-group"], c.LogConfiguration.Options["awslogs-stream-prefix"]
		if group == "" || prefix == "" {
			return "", "", false
		}
		return group, prefix + "/" + name + "/" + task, true
	}
	return "", "", false
}
