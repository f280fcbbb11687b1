package lambda

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Readiness is what a function's configuration says about its last change.
type Readiness int

// The readinesses.
const (
	// NotYet: the change is under way, or Lambda has not said how it went.
	NotYet Readiness = iota
	// Ready: the change took effect.
	Ready
	// Broken: the change failed and will not come right by itself.
	Broken
)

// Evaluate says whether a function, or a version of it, is ready, and
// why not. LastUpdateStatus is about the last update, State about the function
// itself (AWS Lambda Developer Guide, "Lambda function states"); a status that
// is absent is one that is not known yet, and never success. Inactive is a
// function that was idle for long: it comes back when it is called.
func Evaluate(c *lambda.GetFunctionConfigurationOutput) (Readiness, string) {
	switch {
	case c == nil:
		return NotYet, "no configuration"
	case c.LastUpdateStatus == types.LastUpdateStatusFailed:
		return Broken, explain("update failed", string(c.LastUpdateStatusReasonCode), aws.ToString(c.LastUpdateStatusReason))
	case c.State == types.StateFailed, c.State == types.StateDeactivated, c.State == types.StateDeactivating,
		c.State == types.StateDeleting, c.State == types.StateActiveNonInvocable:
		return Broken, explain(fmt.Sprintf("state %s", c.State), string(c.StateReasonCode), aws.ToString(c.StateReason))
	case c.LastUpdateStatus == types.LastUpdateStatusInProgress:
		return NotYet, "update in progress"
	case c.State == types.StatePending:
		return NotYet, explain("state Pending", string(c.StateReasonCode), aws.ToString(c.StateReason))
	case c.LastUpdateStatus == "":
		return NotYet, "no update status yet"
	case c.LastUpdateStatus != types.LastUpdateStatusSuccessful:
		return NotYet, "update status " + string(c.LastUpdateStatus)
	}
	return Ready, ""
}

// quiet reports whether the function can be changed: nothing is under way. A
// failed update does not matter, the next one may repair it; and a function on
// which nothing was ever updated may have no status.
func quiet(c *lambda.GetFunctionConfigurationOutput) bool {
	return c != nil && c.LastUpdateStatus != types.LastUpdateStatusInProgress && c.State != types.StatePending
}

func explain(what, code, reason string) string {
	if code != "" {
		what += " (" + code + ")"
	}
	if reason != "" {
		what += ": " + reason
	}
	return what
}
