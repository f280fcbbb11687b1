package ecs

import (
	"cmp"
	"context"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// step is what has to be done to make a service run a task definition.
type step int

const (
	update step = iota // it is not what the service is set to
	leave              // it runs, in all the tasks that are wanted
	join               // it is being deployed
	await              // it was deployed, and fewer tasks run than are wanted
	force              // it is set, but its deployment failed or a new one is asked for
)

// action decides the step. Where a service shifts its traffic in stages, its list
// of deployments does not show whether ECS is going on or back, so the service
// deployment is read as well.
func (r *roll) action(ctx context.Context) (step, error) {
	arn := aws.ToString(r.definition.TaskDefinitionArn)
	next := listedAction(r.before, arn)
	if next == update || next == force || !shifting(&r.before) {
		return next, nil
	}
	sd, err := r.current(ctx)
	if err != nil || sd == nil {
		return next, err
	}
	switch sd.Status {
	case types.ServiceDeploymentStatusSuccessful:
		return next, nil
	case types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
		return force, nil
	default:
		return join, nil
	}
}

// listedAction decides the step by the service's list of deployments.
func listedAction(svc types.Service, arn string) step {
	p := primaryOf(svc)
	if p == nil || aws.ToString(p.TaskDefinition) != arn {
		return update
	}
	switch {
	case p.RolloutState == types.DeploymentRolloutStateFailed:
		return force
	case p.RolloutState == types.DeploymentRolloutStateInProgress:
		return join
	case p.RolloutState == "" && !completed(svc, *p):
		return join
	case min(p.RunningCount, svc.RunningCount) < svc.DesiredCount:
		return await
	}
	return leave
}

// current reads the service deployment of the task definition that the service
// runs or is getting; nil if it is not known.
func (r *roll) current(ctx context.Context) (*types.ServiceDeployment, error) {
	sd := r.serviceDeployment()
	if p := primaryOf(r.before); p != nil {
		sd.notBefore = aws.ToTime(p.CreatedAt)
	}
	sd.joined = true
	sd.suggest(&r.before)
	var found *types.ServiceDeployment
	err := r.s.Env.Ask(ctx, func(ctx context.Context) (err error) {
		found, err = sd.read(ctx)
		return err
	})
	return found, err
}

// How long a service that lacks tasks may go without a further one before it is
// deployed to again. ECS replaces a stopped task within seconds, and a task on
// Fargate takes less than a minute to start. A service of which some tasks run may
// be scaling out, so it is given longer.
const (
	recoveryGrace = time.Minute
	scalingGrace  = 5 * time.Minute
)

// recovers waits for a service whose deployment completed but whose tasks do not
// all run, and reports whether they do in the end. ECS starts what is missing by
// itself; only if nothing comes of that, a new deployment is to be made.
func (r *roll) recovers(ctx context.Context) (bool, error) {
	arn := aws.ToString(r.definition.TaskDefinitionArn)
	r.s.Env.Reportf("%s: %d of %d tasks run, waiting for the others", r.subject, r.before.RunningCount, r.before.DesiredCount)
	limited, stop := context.WithTimeout(ctx, r.follow.Timeout)
	defer stop()
	loop := r.s.Env.Start()
	most, since := int32(-1), time.Duration(0)
	for {
		var svc *types.Service
		err := loop.Call(limited, func(ctx context.Context) (err error) {
			svc, err = r.s.describeService(ctx, r.cluster, r.service)
			return err
		})
		switch {
		case err == nil && svc != nil:
			loop.Answered()
			r.before, r.read = *svc, time.Now()
			if listedAction(*svc, arn) != await {
				return listedAction(*svc, arn) == leave, nil
			}
			if n := primaryOf(*svc).RunningCount; n > most {
				most, since = n, loop.Elapsed()
			}
		case err != nil && limited.Err() == nil && !poll.Transient(err):
			return false, err
		case err != nil:
			loop.Failed()
		}
		grace := recoveryGrace
		if most > 0 {
			grace = scalingGrace
		}
		if loop.Elapsed()-since >= grace {
			return false, nil
		}
		if err := loop.Wait(limited); err != nil {
			return false, err
		}
	}
}

// completed reports whether a deployment came to its end. Where ECS reports no
// rollout state, counts that no longer move are the only sign.
func completed(svc types.Service, d types.Deployment) bool {
	if d.RolloutState != "" {
		return d.RolloutState == types.DeploymentRolloutStateCompleted
	}
	return d.RunningCount == d.DesiredCount && d.PendingCount == 0 && len(svc.Deployments) == 1
}

// state describes the primary deployment if it completed, or else the newest
// other one that did and still runs.
func state(cluster, service string, svc types.Service) State {
	st := State{
		Cluster: cluster, Service: service, TaskDefinition: aws.ToString(svc.TaskDefinition),
		Desired: int(svc.DesiredCount), Running: int(svc.RunningCount),
	}
	p := primaryOf(svc)
	if p == nil {
		return st
	}
	st.Deployment, st.Since = aws.ToString(p.Id), aws.ToTime(p.CreatedAt)
	st.TaskDefinition = cmp.Or(aws.ToString(p.TaskDefinition), st.TaskDefinition)
	st.Settled = completed(svc, *p)
	if st.Settled {
		return st
	}
	var newest time.Time
	for _, d := range svc.Deployments {
		if aws.ToString(d.Status) != statusActive || d.RolloutState != types.DeploymentRolloutStateCompleted {
			continue
		}
		if at := aws.ToTime(d.CreatedAt); !st.Settled || at.After(newest) {
			st.Settled, st.TaskDefinition, newest = true, aws.ToString(d.TaskDefinition), at
		}
	}
	if coming := aws.ToString(p.TaskDefinition); st.Settled && coming != st.TaskDefinition {
		st.Coming = coming
	}
	return st
}

func primaryOf(svc types.Service) *types.Deployment {
	for i := range svc.Deployments {
		if aws.ToString(svc.Deployments[i].Status) == statusPrimary {
			return &svc.Deployments[i]
		}
	}
	return nil
}
