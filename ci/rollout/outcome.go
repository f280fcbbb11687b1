package rollout

import (
	"errors"
	"fmt"
	"strings"
)

// Outcome is how a deploy ended.
type Outcome string

// The outcomes. Completed and Unchanged are success, nothing else is.
const (
	// Completed: this deploy's own deployment came to its end and runs.
	Completed Outcome = "deployed"
	// Unchanged: what was asked for runs already; nothing was changed.
	Unchanged Outcome = "nothing to do"
	// NotStarted: the deploy failed before it changed anything at all. After a
	// change, such as a revision that was registered or a migration that ran, it is
	// Failed, and Error.Changed lists the changes.
	NotStarted Outcome = "refused before any change"
	// VerificationFailed: the new version was checked before or after it started
	// and is not fit to run; nothing that runs was changed.
	VerificationFailed Outcome = "verification failed"
	// RolledBack: the deployment was rolled back (circuit breaker, alarm, failing
	// tasks, a failed canary, or someone's request); the version before runs.
	RolledBack Outcome = "rolled back"
	// RollbackFailed: the way back failed; a person is needed.
	RollbackFailed Outcome = "rollback failed"
	// Failed: the deployment failed and was not rolled back, or a step before it
	// failed after something had been changed; Error.Changed says what.
	Failed Outcome = "failed"
	// Superseded: someone else deployed meanwhile; what runs is theirs.
	Superseded Outcome = "superseded"
	// Stopped: someone stopped this deployment and left it there.
	Stopped Outcome = "stopped"
	// TimedOut: no end within the time allowed; the deployment goes on.
	TimedOut Outcome = "timed out, still running"
	// Canceled: the caller gave up waiting.
	Canceled Outcome = "canceled"
	// Lost: AWS could not be asked any more; the deployment goes on unwatched.
	Lost Outcome = "lost sight of"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{
		Completed, Unchanged, NotStarted, VerificationFailed, RolledBack, RollbackFailed,
		Failed, Superseded, Stopped, TimedOut, Canceled, Lost,
	}
}

// OK reports whether the outcome is success.
func (o Outcome) OK() bool { return o == Completed || o == Unchanged }

// Ended reports whether the outcome by itself says that nothing is under way any
// more. After TimedOut, Canceled and Lost a deployment may still complete; a
// deployer's result may know better, in either direction.
func (o Outcome) Ended() bool { return o != TimedOut && o != Canceled && o != Lost }

// ExitCode is the process exit code for the outcome: 0 for success and a
// number of its own for each other one. 1 and 2 are left to errors of other
// kinds and of usage.
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
	case VerificationFailed:
		return 11
	case NotStarted:
		return 12
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
	// Changed lists what the deploy had changed by then, in order; see Changes.
	Changed []string
	// Next is what to do about it.
	Next string
	// Err is the cause, if an error was one.
	Err error
}

// Error says what was deployed to, how it ended, why, and, on lines of their
// own, what was changed and what to do next.
func (e *Error) Error() string {
	s := fmt.Sprintf("deploy to %s: %s", e.Subject, e.Outcome)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if len(e.Changed) > 0 {
		s += "\nchanged: " + strings.Join(e.Changed, ", ")
	}
	if e.Next != "" {
		s += "\nnext: " + e.Next
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the process exit code for err: that of the outcome it carries, 0
// for nil and 1 for an error of another kind.
func ExitCode(err error) int {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Outcome.ExitCode()
	}
	return 1
}
