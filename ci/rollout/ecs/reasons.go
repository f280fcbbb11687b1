package ecs

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ownFault reports whether the task failed by itself: not stopped by a person
// or taken away by the machine beneath it.
func (t TaskFailure) ownFault() bool {
	switch types.TaskStopCode(t.StopCode) {
	case types.TaskStopCodeUserInitiated, types.TaskStopCodeSpotInterruption,
		types.TaskStopCodeTerminationNotice, types.TaskStopCodeInfrastructureHealth:
		return false
	default:
		return !strings.Contains(t.Reason, "Host EC2")
	}
}

// hopelessWords are parts of reasons that no second try changes (Amazon ECS
// Developer Guide, "Stopped task error messages"): an image that is not there or
// is for another processor, a program that cannot be executed. Each is what a
// reason says, lower case, and what it has to say besides.
func hopelessWords() [][2]string {
	return [][2]string{
		{"manifest unknown", ""}, {"image not found", ""}, {": not found", "cannotpullcontainer"}, {"name unknown", "cannotpullcontainer"},
		{"invalid reference format", ""},
		{"does not match the specified platform", ""}, {"does not contain descriptor matching platform", ""}, {"no match for platform in manifest", ""},
		{"exec format error", ""}, {"executable file not found", ""},
		{"no such file or directory", "exec:"}, {"permission denied", "exec:"}, {"no such file or directory", "cannotstartcontainer"},
	}
}

// passingWords are parts of reasons that pass by themselves, also beside words that
// would otherwise be hopeless: networks, registries and rates.
func passingWords() []string {
	return []string{
		"timeout", "timed out", "deadline exceeded", "connection re", "no such host", "server misbehaving", "tls handshake",
		"toomanyrequests", "too many requests", "rate exceeded", "throttl", "temporar", "unavailable", "unexpected eof",
		"500 internal", "502 bad", "internal server error",
	}
}

// isHopeless reports whether a reason names something that no second try changes.
func isHopeless(reason string) bool {
	r := strings.ToLower(reason)
	if slices.ContainsFunc(passingWords(), func(w string) bool { return strings.Contains(r, w) }) {
		return false
	}
	return slices.ContainsFunc(hopelessWords(), func(w [2]string) bool { return strings.Contains(r, w[0]) && strings.Contains(r, w[1]) })
}

// neverStarts reports whether every further task would end like this one: one of
// its containers could not be started, for a reason that stays.
func (t TaskFailure) neverStarts() bool {
	for _, c := range t.Containers {
		if c.ExitCode == nil && isHopeless(c.Reason) {
			return true
		}
	}
	started := slices.ContainsFunc(t.Containers, func(c ContainerFailure) bool { return c.ExitCode != nil })
	return !started && isHopeless(t.Reason)
}

// mayPass reports whether a failed task may well be followed by one that runs: it
// was never started, for a reason that does not have to stay, such as a secret that
// may not be read yet, a registry that does not answer or capacity that is used up.
func (t TaskFailure) mayPass() bool {
	started := slices.ContainsFunc(t.Containers, func(c ContainerFailure) bool { return c.ExitCode != nil && *c.ExitCode != 0 })
	if started {
		return false
	}
	if types.TaskStopCode(t.StopCode) == types.TaskStopCodeTaskFailedToStart {
		return true
	}
	r := strings.ToLower(t.cause())
	return slices.ContainsFunc([]string{"resourceinitializationerror", "cannotpull", "accessdenied", "capacity"}, func(w string) bool {
		return strings.Contains(r, w)
	})
}
