package ecs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// View is everything a verdict on a service deployment rests on.
type View struct {
	// TaskDefinition is the ARN that was deployed.
	TaskDefinition string
	// Deployment is the id of our deployment; empty while it is not known.
	Deployment string
	// Before holds the ids of the deployments there were before ours.
	Before []string
	// Fallback holds the task definitions of those of them that had completed: what
	// ECS can roll back to. Empty means that there is nothing.
	Fallback []string
	// Shown is true once an answer has shown our deployment.
	Shown bool
	// Service is the newest answer of DescribeServices; nil when the service
	// was missing in it.
	Service *types.Service
	// ServiceDeployment is the newest answer of DescribeServiceDeployments on
	// our own one; nil when it is not known.
	ServiceDeployment *types.ServiceDeployment
	// Failing is true once an earlier verdict said so, and FailingFor is the
	// time since then.
	Failing    bool
	FailingFor time.Duration
	// MissingFor is how long the service has been missing, AbsentFor how long our
	// deployment has been absent from it after it was shown.
	MissingFor, AbsentFor time.Duration
	// ListedFor is how long the list of deployments has said the same end.
	ListedFor time.Duration
}

// Verdict is what a View means.
type Verdict struct {
	// Outcome is the end, or empty while the deployment goes on.
	Outcome rollout.Outcome
	// Failing is true once it is clear that the deployment will not complete,
	// though ECS may still be rolling it back.
	Failing bool
	// Reason explains the outcome or what is being waited for.
	Reason string
	// Deployment is the id of our deployment as far as the view shows it.
	Deployment string
}

// Waits within which a view may still change by itself.
const (
	// missingGrace: right after it was made or changed, a service can be absent
	// from DescribeServices (failures: MISSING).
	missingGrace = time.Minute
	// rollbackGrace: between a deployment's failure and the appearance of the
	// deployment that rolls it back.
	rollbackGrace = time.Minute
	// staleGrace: an answer of DescribeServices may be older than the one before it,
	// and then shows as primary what ran before our deployment.
	staleGrace = 20 * time.Second
	// disagreementGrace: the list of deployments may be ahead of the service
	// deployment.
	disagreementGrace = 10 * time.Second
)

// Statuses of a deployment within a service (API type Deployment).
const (
	statusPrimary = "PRIMARY"
	statusActive  = "ACTIVE"
)

// Evaluate says what a view means. ECS's account of our own service deployment
// decides where there is one; otherwise the list of the service's deployments
// does. Amazon ECS API Reference: Deployment, ServiceDeployment,
// DeploymentCircuitBreaker.
func Evaluate(v View) Verdict {
	list := evaluateDeployments(v)
	if v.ServiceDeployment == nil {
		return list
	}
	return evaluateServiceDeployment(v, list)
}

// evaluateServiceDeployment judges by ECS's account of our deployment; list is
// what the service's own list says. A list that has said for a while how a
// rolling update ended decides over a service deployment that still goes on.
func evaluateServiceDeployment(v View, list Verdict) Verdict {
	sd := v.ServiceDeployment
	out := Verdict{Deployment: list.Deployment, Failing: v.Failing, Reason: aws.ToString(sd.StatusReason)}
	switch sd.Status {
	case types.ServiceDeploymentStatusSuccessful:
		switch {
		case list.Failing:
			out.Failing = true
			out.Reason = "ECS reports success and failure at once, waiting for it to agree with itself"
		case idle(v):
			out.Reason = "ECS reports success, but none of the tasks that are wanted runs"
		default:
			out.Outcome = rollout.Completed
		}
	case types.ServiceDeploymentStatusRollbackSuccessful:
		out.Outcome, out.Failing = rollout.RolledBack, true
		out.Reason = rollbackReason(sd, list.Reason)
	case types.ServiceDeploymentStatusRollbackFailed:
		out.Outcome, out.Failing = rollout.RollbackFailed, true
		out.Reason = rollbackReason(sd, list.Reason)
	case types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested:
		out.Failing = true
		out.Reason = rollbackReason(sd, "rolling back")
	case types.ServiceDeploymentStatusStopped:
		switch {
		case tripped(sd):
			out.Outcome, out.Failing = rollout.Failed, true
			out.Reason = rollbackReason(sd, "the circuit breaker or an alarm stopped it, without rollback")
		case list.Outcome == rollout.Superseded:
			out.Outcome, out.Reason = rollout.Superseded, list.Reason
		case strings.Contains(strings.ToLower(out.Reason), "superseded"):
			out.Outcome = rollout.Superseded
		case list.Outcome == rollout.RolledBack || list.Outcome == rollout.RollbackFailed:
			return list
		case list.Failing && strings.Contains(strings.ToLower(list.Reason), "circuit breaker"):
			out.Outcome, out.Failing, out.Reason = rollout.Failed, true, list.Reason
		default:
			out.Outcome = rollout.Stopped
			out.Reason = cmp.Or(out.Reason, "someone stopped the service deployment")
		}
	default: // PENDING, IN_PROGRESS, STOP_REQUESTED and what ECS may add
		if list.Outcome == rollout.Failed && gone(v) || list.Outcome != "" && v.ListedFor >= disagreementGrace && !shifting(v.Service) {
			return list
		}
		out.Failing = out.Failing || list.Failing
		out.Reason = stage(sd)
		if list.Outcome == "" && list.Reason != "" {
			out.Reason = list.Reason + ", " + out.Reason
		}
	}
	return out
}

// tripped reports whether a monitor of the deployment stopped it.
func tripped(sd *types.ServiceDeployment) bool {
	if b := sd.DeploymentCircuitBreaker; b != nil && b.Status == types.ServiceDeploymentRollbackMonitorsStatusTriggered {
		return true
	}
	a := sd.Alarms
	return a != nil && a.Status == types.ServiceDeploymentRollbackMonitorsStatusTriggered
}

// rollbackReason is the best explanation that a service deployment carries.
func rollbackReason(sd *types.ServiceDeployment, def string) string {
	reason := aws.ToString(sd.StatusReason)
	if sd.Rollback != nil && aws.ToString(sd.Rollback.Reason) != "" {
		reason = aws.ToString(sd.Rollback.Reason)
	}
	reason = cmp.Or(reason, def)
	if b := sd.DeploymentCircuitBreaker; b != nil && b.FailureCount > 0 {
		reason += fmt.Sprintf(" (%d failed tasks, threshold %d)", b.FailureCount, b.Threshold)
	}
	if a := sd.Alarms; a != nil && len(a.TriggeredAlarmNames) > 0 {
		reason += " (alarms: " + strings.Join(a.TriggeredAlarmNames, ", ") + ")"
	}
	return reason
}

// evaluateDeployments judges by the service's list of deployments.
func evaluateDeployments(v View) Verdict {
	out := Verdict{Deployment: v.Deployment, Failing: v.Failing}
	if gone(v) {
		out.Outcome, out.Failing, out.Reason = rollout.Failed, true, "the service is gone"
		return out
	}
	if v.Service == nil {
		out.Reason = "the service does not appear yet"
		return out
	}
	primary, ours := find(v)
	if ours != nil {
		out.Deployment = aws.ToString(ours.Id)
	}
	switch {
	case primary == nil:
		out.Reason = "no primary deployment appears yet"
		return out
	case ours == nil:
		return replaced(v, out, primary, v.AbsentFor < staleGrace)
	case ours != primary:
		if ours.RolloutState == types.DeploymentRolloutStateFailed {
			out.Failing = true
			out.Reason = aws.ToString(ours.RolloutStateReason)
		}
		return replaced(v, out, primary, false)
	}
	switch ours.RolloutState {
	case types.DeploymentRolloutStateCompleted:
		out.Failing = false
		if idle(v) {
			out.Reason = "completed, but none of the tasks that are wanted runs: " + counts(ours)
			return out
		}
		out.Outcome = rollout.Completed
	case types.DeploymentRolloutStateFailed:
		out.Failing = true
		out.Reason = cmp.Or(aws.ToString(ours.RolloutStateReason), "ECS marked the deployment as failed")
		if !rollsBack(v) || v.FailingFor >= rollbackGrace {
			out.Outcome = rollout.Failed
		}
	case "":
		// Not reported for other deployment types than rolling update: counts that no
		// longer move are the only sign left.
		if len(v.Service.Deployments) == 1 && ours.RunningCount == v.Service.DesiredCount && ours.PendingCount == 0 {
			out.Outcome = rollout.Completed
		} else {
			out.Reason = counts(ours)
		}
	default:
		out.Reason = counts(ours)
	}
	return out
}

// idle reports whether tasks are wanted of our deployment and none of them runs:
// such a deployment is not deployed, whatever it is called.
func idle(v View) bool {
	if v.Service == nil || v.Service.DesiredCount == 0 {
		return false
	}
	_, ours := find(v)
	return ours != nil && min(ours.RunningCount, v.Service.RunningCount) == 0
}

// gone reports whether the service is not there any more, or will not be.
func gone(v View) bool {
	if v.Service == nil {
		return v.MissingFor >= missingGrace
	}
	st := aws.ToString(v.Service.Status)
	return st == "INACTIVE" || st == "DRAINING"
}

// replaced judges when another deployment than ours is primary. One that was
// there before ours may only show that the answer is stale; if it is not, ECS went
// back to it.
func replaced(v View, out Verdict, primary *types.Deployment, stale bool) Verdict {
	known := slices.Contains(v.Before, aws.ToString(primary.Id))
	says := strings.ToLower(aws.ToString(primary.RolloutStateReason))
	back := rollsBack(v) && slices.Contains(v.Fallback, aws.ToString(primary.TaskDefinition)) && aws.ToString(primary.TaskDefinition) != v.TaskDefinition
	rollback := out.Failing || !known && (back || strings.Contains(says, "rolling back") || strings.Contains(says, "rolled back")) ||
		known && v.Shown && !stale
	switch {
	case rollback:
		out.Failing = true
		out.Reason = cmp.Or(out.Reason, aws.ToString(primary.RolloutStateReason))
		state := primary.RolloutState
		if known && stale {
			state = types.DeploymentRolloutStateInProgress
		}
		switch {
		case state == types.DeploymentRolloutStateFailed:
			out.Outcome = rollout.RollbackFailed
		case state == types.DeploymentRolloutStateCompleted, state == "" && completed(*v.Service, *primary):
			out.Outcome = rollout.RolledBack
			out.Reason = cmp.Or(out.Reason, "ECS went back to "+rollout.ShortName(aws.ToString(primary.TaskDefinition)))
		default:
			out.Reason = cmp.Or(out.Reason, "rolling back to "+rollout.ShortName(aws.ToString(primary.TaskDefinition)))
		}
	case known:
		out.Reason = "the new deployment does not appear yet"
	default:
		out.Outcome = rollout.Superseded
		out.Reason = fmt.Sprintf("deployment %s of %s took its place",
			aws.ToString(primary.Id), rollout.ShortName(aws.ToString(primary.TaskDefinition)))
	}
	return out
}

// find returns the primary deployment and ours; nil for what is not there. Ours
// is known by its id, or, as long as that is not known, as a deployment of our
// task definition that was not there before.
func find(v View) (primary, ours *types.Deployment) {
	for i := range v.Service.Deployments {
		d := &v.Service.Deployments[i]
		id := aws.ToString(d.Id)
		if aws.ToString(d.Status) == statusPrimary {
			primary = d
		}
		if v.Deployment != "" && id == v.Deployment ||
			v.Deployment == "" && aws.ToString(d.TaskDefinition) == v.TaskDefinition && !slices.Contains(v.Before, id) {
			ours = d
		}
	}
	return primary, ours
}

// rollsBack reports whether ECS will answer a failure with a rollback.
func rollsBack(v View) bool {
	c := v.Service.DeploymentConfiguration
	if c == nil || len(v.Fallback) == 0 {
		return false
	}
	return c.DeploymentCircuitBreaker != nil && c.DeploymentCircuitBreaker.Enable && c.DeploymentCircuitBreaker.Rollback ||
		c.Alarms != nil && c.Alarms.Enable && c.Alarms.Rollback
}
