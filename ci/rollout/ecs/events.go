package ecs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// eventLog collects a service's events by id.
type eventLog struct {
	known map[string]bool
	lines []string
}

func newEventLog(before []types.ServiceEvent) *eventLog {
	l := &eventLog{known: map[string]bool{}}
	for _, e := range before {
		l.known[eventID(e)] = true
	}
	return l
}

// add returns the messages that are new, oldest first; ECS sends newest first.
func (l *eventLog) add(events []types.ServiceEvent) []string {
	var fresh []string
	for _, e := range slices.Backward(events) {
		if id := eventID(e); !l.known[id] {
			l.known[id] = true
			fresh = append(fresh, aws.ToString(e.Message))
		}
	}
	l.lines = append(l.lines, fresh...)
	return fresh
}

func eventID(e types.ServiceEvent) string {
	return cmp.Or(aws.ToString(e.Id), aws.ToTime(e.CreatedAt).String()+aws.ToString(e.Message))
}

// troubling reports whether an event is about something that fails.
func troubling(message string) bool {
	m := strings.ToLower(message)
	return slices.ContainsFunc([]string{"unable", "fail", "unhealthy", "error", "rolling back"}, func(w string) bool {
		return strings.Contains(m, w)
	})
}
