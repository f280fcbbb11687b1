package rollout

import (
	"errors"
	"fmt"
)

// Outcome is how a deploy ended.
type Outcome string

// The outcomes. Completed and Unchanged are success, nothing else is.
const (
	// Completed: this deploy's own deployment came to its end and runs.
	Completed Outcome = "completed"
	// Unchanged: what was asked for runs already; nothing was changed.
	Unchanged Outcome = "unchanged"
	// NotStarted: the deploy failed before it changed anything that runs.
	NotStarted Outcome = "not started"
	// RolledBack: AWS rolled the deployment back (circuit breaker, alarm, or
	// someone's request); the version before runs.
	RolledBack Outcome = "rolled back"
	// RollbackFailed: AWS tried to roll back and failed; a person is needed.
	RollbackFailed Outcome = "rollback failed"
	// Failed: the deployment failed and was not rolled back.
	Failed Outcome = "failed"
	// Superseded: someone else deployed meanwhile; what runs is theirs.
	Superseded Outcome = "superseded"
	// Stopped: someone stopped this deployment and left it there.
	Stopped Outcome = "stopped"
	// TimedOut: no end within the time allowed; the deployment goes on.
	TimedOut Outcome = "timed out"
	// Canceled: the caller gave up waiting; the deployment goes on.
	Canceled Outcome = "canceled"
	// Lost: AWS could not be asked any more; the deployment goes on unseen.
	Lost Outcome = "lost"
)

// OK reports whether the outcome is success.
func (o Outcome) OK() bool { return o == Completed || o == Unchanged }

// ExitCode is the process exit code for the outcome: 0 for success and a
// number of its own for each other one.
func (o Outcome) ExitCode() int {
	switch o {
	case Completed, Unchanged:
		return 0
	case RolledBack:
		return 3
	case RollbackFailed:
		return 4
	case Failed:
		return 5
	case Superseded:
		return 6
	case Stopped:
		return 7
	case TimedOut:
		return 8
	case Canceled:
		return 9
	case Lost:
		return 10
	default:
		return 1
	}
}

// Error is a deploy that did not succeed.
type Error struct {
	// Outcome is how it ended.
	Outcome Outcome
	// Subject is what was deployed to, such as "ecs service sensor/api".
	Subject string
	// Reason is AWS's own explanation where it gave one.
	Reason string
	// Next is what to do about it.
	Next string
	// Err is the cause, if an error was one.
	Err error
}

// Error says what was deployed to, how it ended, why, and what to do next.
func (e *Error) Error() string {
	s := fmt.Sprintf("deploy to %s: %s", e.Subject, e.Outcome)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Next != "" {
		s += "; " + e.Next
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf is the outcome that err carries: Completed for nil, NotStarted for
// an error of another kind.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Completed
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return NotStarted
}

// ExitCode is the process exit code for err; see Outcome.ExitCode.
func ExitCode(err error) int { return OutcomeOf(err).ExitCode() }
