package ecs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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

// ownFault reports whether the task failed by itself: not stopped by a person
// or taken away by the machine beneath it.
func (t TaskFailure) ownFault() bool {
	switch types.TaskStopCode(t.StopCode) {
	case types.TaskStopCodeUserInitiated, types.TaskStopCodeSpotInterruption,
		types.TaskStopCodeTerminationNotice, types.TaskStopCodeInfrastructureHealth:
		return false
	default:
		return true
	}
}

// hopelessWords are parts of reasons that no second try will change (Amazon ECS
// Developer Guide, "Stopped task error messages"): an image that is not there
// or is for another processor, a program that cannot be executed, a secret or
// log group that may not be read.
func hopelessWords() []string {
	return []string{
		"manifest unknown", "pull image manifest has been retried", "image not found", ": not found",
		"does not match the specified platform", "image Manifest does not contain descriptor matching platform",
		"exec format error", "executable file not found", "no such file or directory",
		"AccessDeniedException", "is not authorized to perform", "ParameterNotFound", "ResourceNotFoundException",
	}
}

// neverStarts reports whether every further task would end like this one.
func (t TaskFailure) neverStarts() bool {
	started := slices.ContainsFunc(t.Containers, func(c ContainerFailure) bool { return c.ExitCode != nil })
	return !started && slices.ContainsFunc(hopelessWords(), func(w string) bool { return strings.Contains(t.cause(), w) })
}
