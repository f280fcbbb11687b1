package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// rollbackOrder is this deployer's own order to end the deployment and go back to
// the version before. It is given again until ECS has taken it: a single answer
// that the service deployment is not found, or none at all, must not leave a crash
// loop running.
type rollbackOrder struct {
	// reason is why; empty while nothing was ordered.
	reason string
	// accepted is true once ECS has taken the order.
	accepted bool
	// refusals counts ECS's refusals, and refused is the last.
	refusals int
	refused  error
	// next is when, in the loop's time, the order is due again.
	next time.Duration
	// barred is why there may be no rollback; nil while nothing bars it.
	barred error
}

// refusalPause is how long ECS is left alone after it refused the order, which it
// does when the deployment is ending by itself.
const refusalPause = 2 * time.Minute

// due reports whether the order has to be given now.
func (o *rollbackOrder) due(elapsed time.Duration) bool {
	return o.reason != "" && !o.accepted && elapsed >= o.next
}

// giveOrder gives the order once and notes what came of it.
func (f *follower) giveOrder(ctx context.Context, elapsed time.Duration) {
	err := f.serviceDeployment.stop(ctx)
	switch {
	case err == nil:
		f.order.accepted = true
		f.roll.changes.Add("rollback ordered")
	case passes(err):
		f.say(fmt.Sprintf("ECS has not taken the order to roll back (%v), trying again", err), elapsed)
	default:
		f.order.refusals++
		f.order.refused, f.order.next = err, elapsed+refusalPause
		f.say(fmt.Sprintf("ECS did not take the order to roll back (%v), waiting for its circuit breaker", err), elapsed)
	}
}

// passes reports whether a failed order may well be taken the next time.
func passes(err error) bool {
	return poll.Transient(err) || errors.Is(err, errUnknownServiceDeployment) || poll.IsCode(err, "ServiceDeploymentNotFoundException")
}

// stop asks ECS once to end our deployment and to go back to the one before. An
// order whose answer was lost, or that comes when ECS is at it already, counts as
// taken if the service deployment shows it.
func (r *serviceDeployment) stop(ctx context.Context) error {
	if r.arn == "" && !r.refused {
		if _, err := r.find(ctx); err != nil {
			return err
		}
	}
	switch {
	case r.arn == "" && r.refused:
		return errors.New("its service deployments cannot be read")
	case r.arn == "":
		return errUnknownServiceDeployment
	}
	err := r.s.Env.Change(ctx, func(ctx context.Context) error {
		_, err := r.s.ECS.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
			ServiceDeploymentArn: aws.String(r.arn), StopType: types.StopServiceDeploymentStopTypeRollback,
		}, oneAttempt)
		return err
	})
	if err == nil || ctx.Err() != nil || poll.Throttled(err) || poll.IsCode(err, "AccessDeniedException", "ServiceDeploymentNotFoundException") {
		return err
	}
	sd, lookup := r.describe(ctx, r.arn)
	if lookup == nil && sd != nil && ending(sd.Status) {
		return nil
	}
	return err
}

// ending reports whether a service deployment is being stopped or was.
func ending(status types.ServiceDeploymentStatus) bool {
	switch status {
	case types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusSuccessful:
		return false
	default:
		return true
	}
}

// stopBriefly gives the order for a caller that has gone, until ctx ends.
func (r *serviceDeployment) stopBriefly(ctx context.Context) error {
	for {
		err := r.stop(ctx)
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(briefPause):
		}
	}
}

// briefPause is the pause between the orders of stopBriefly.
const briefPause = 400 * time.Millisecond
