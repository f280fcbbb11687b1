package terraform

import (
	"fmt"
	"regexp"
	"strings"
)

// explain gives an error diagnostic as text. Two of Terraform's refusals are
// put into words that say what to do: a lock that somebody holds, and a saved
// plan that is no longer true.
func explain(d diagnostic) string {
	switch d.Summary {
	case "Error acquiring the state lock":
		if l, ok := lockIn(d.Detail); ok {
			return fmt.Sprintf("the state is locked by %s since %s (%s, lock %s): wait until that run has ended; if it is gone for good, run unlock --id %s", l.who, l.since, l.operation, l.id, l.id)
		}
	case "Saved plan is stale":
		return "the saved plan is stale: the state has changed since it was made; run plan again and apply the new one"
	}
	return d.String()
}

// lock is what Terraform tells of a lock that it met.
type lock struct{ id, who, since, operation string }

var (
	lockField = regexp.MustCompile(`(?m)^\s*(ID|Operation|Who|Created):\s+(.+?)\s*$`)
	lockTime  = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\.?\d* \+0000 UTC$`)
)

// lockIn reads the lock's description that Terraform puts into its error (its
// internal package statemgr, LockInfo.String); ok is false if there is none.
func lockIn(detail string) (l lock, ok bool) {
	for _, m := range lockField.FindAllStringSubmatch(detail, -1) {
		switch value := m[2]; m[1] {
		case "ID":
			l.id = value
		case "Operation":
			l.operation = strings.ToLower(strings.TrimPrefix(value, "OperationType"))
		case "Who":
			l.who = value
		case "Created":
			l.since = lockTime.ReplaceAllString(value, "$1 UTC")
		}
	}
	return l, l.id != "" && l.who != "" && l.since != ""
}
