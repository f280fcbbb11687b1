package ecs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// placementTime is how long there may be no capacity for the task.
const placementTime = 5 * time.Minute

// start runs the task and returns its ARN. The token lets ECS know a request
// that comes again (Amazon ECS API Reference, "Ensuring idempotency"), so that a
// lost answer does not start a second task. A request that was answered without a
// task, because nothing had room for it, is made anew for a while.
func (t Tasks) start(ctx context.Context, req TaskRequest) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(req.Timeout, DefaultTaskTimeout), errTaskTimeout)
	defer cancel()
	in := runInput(req)
	loop := t.Env.Start()
	for {
		var out *ecs.RunTaskOutput
		err := t.Env.Change(ctx, func(ctx context.Context) (err error) {
			out, err = t.ECS.RunTask(ctx, in, oneAttempt)
			return err
		})
		var conflict *types.ConflictException
		unplaced := ""
		switch {
		case err == nil && len(out.Tasks) > 0:
			return aws.ToString(out.Tasks[0].TaskArn), nil
		case err == nil && len(out.Failures) > 0:
			unplaced = fmt.Sprintf("ECS answered %s %s", aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
		case err == nil:
			return "", errors.New("run the task: the answer names none")
		case errors.As(err, &conflict) && len(conflict.ResourceIds) > 0:
			return conflict.ResourceIds[0], nil // the task that the token started
		case poll.IsCode(err, "InvalidParameterException") && strings.Contains(err.Error(), "No Container Instances"):
			unplaced = err.Error()
		case !poll.Transient(err) && !refusedForNow(err), loop.Exhausted():
			return "", fmt.Errorf("run the task: %w", err)
		}
		if unplaced != "" {
			if !placeable(unplaced) || loop.Elapsed() >= placementTime {
				return "", fmt.Errorf("run the task: %s", unplaced)
			}
			t.Env.Reportf("migrate: no task yet, trying again: %s", unplaced)
			in.ClientToken = aws.String(rand.Text())
			loop.Answered()
		} else {
			loop.Failed()
		}
		if waited := loop.Wait(ctx); waited != nil {
			return "", fmt.Errorf("run the task: %w; the last answer: %s", context.Cause(ctx), cmp.Or(unplaced, fmt.Sprint(err)))
		}
	}
}

// placeable reports whether a task that found no place may find one later. No time
// mends a cluster that is gone or instances without an attribute (Amazon ECS
// Developer Guide, "API failure reasons").
func placeable(reason string) bool {
	return !slices.ContainsFunc([]string{"ATTRIBUTE", "INACTIVE", "MISSING"}, func(w string) bool { return strings.Contains(reason, w) })
}

// runInput asks for a task where the service's tasks run.
func runInput(req TaskRequest) *ecs.RunTaskInput {
	in := &ecs.RunTaskInput{
		Cluster:              req.Service.ClusterArn,
		TaskDefinition:       req.Definition.TaskDefinitionArn,
		ClientToken:          aws.String(rand.Text()),
		Count:                aws.Int32(1),
		StartedBy:            aws.String(migrationStartedBy),
		NetworkConfiguration: req.Service.NetworkConfiguration,
		PlatformVersion:      req.Service.PlatformVersion,
		Overrides: &types.TaskOverride{
			ContainerOverrides: []types.ContainerOverride{{Name: aws.String(req.Container), Command: req.Command}},
		},
	}
	in.LaunchType, in.CapacityProviderStrategy = capacity(req.Service)
	if in.LaunchType != types.LaunchTypeFargate {
		in.PlacementConstraints, in.PlacementStrategy = req.Service.PlacementConstraints, req.Service.PlacementStrategy
	}
	return in
}

// capacity is where a task of the service runs: on the service's launch type or
// capacity providers. Fargate Spot may be taken back in the middle of a migration,
// so a service on it gets the on-demand kind, the launch type FARGATE. With
// neither, the cluster's default strategy decides.
func capacity(svc types.Service) (types.LaunchType, []types.CapacityProviderStrategyItem) {
	fargate := func(item types.CapacityProviderStrategyItem) bool {
		return strings.HasPrefix(aws.ToString(item.CapacityProvider), "FARGATE")
	}
	switch strategy := svc.CapacityProviderStrategy; {
	case len(strategy) == 0:
		return svc.LaunchType, nil
	case slices.ContainsFunc(strategy, fargate):
		return types.LaunchTypeFargate, nil
	default:
		return "", strategy
	}
}
