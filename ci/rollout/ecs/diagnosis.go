package ecs

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Diagnosis is what went wrong during a deployment.
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
	// StoppedAt is when it stopped, by ECS's clock.
	StoppedAt time.Time
	// Containers are the containers that ended badly.
	Containers []ContainerFailure
	// LogStream names where Log was read.
	LogStream string
	// Log is the tail of the failed container's log, or its lines from a panic
	// on, oldest line first; only the first tasks have it.
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
// reason share a line.
func (d Diagnosis) Lines() []string {
	var lines []string
	times := map[string]int{}
	var order []TaskFailure
	for _, t := range d.Tasks {
		if times[t.cause()]++; times[t.cause()] == 1 {
			order = append(order, t)
		}
	}
	for _, t := range order {
		line := fmt.Sprintf("task %s stopped: %s", t.Task, t.cause())
		if n := times[t.cause()]; n > 1 {
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
	parts := make([]string, 0, 1+len(t.Containers))
	parts = append(parts, cmp.Or(t.Reason, cmp.Or(t.StopCode, "no reason given")))
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
