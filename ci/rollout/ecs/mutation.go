package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// oneAttempt keeps the SDK from sending a change again by itself: its retry does
// not know whether a request whose answer was lost had its effect.
func oneAttempt(o *ecs.Options) { o.RetryMaxAttempts = 1 }

// lostAnswerGrace is how long a change whose answer was lost may take to appear
// before it is sent again: what ECS describes may lag behind what it did.
const lostAnswerGrace = 20 * time.Second

// refusedForNow reports whether ECS refused a change for a reason that passes by
// itself: a role that was just made and has not spread yet, or a revision that
// someone else registers at the same moment. ECS gives these reasons as text.
func refusedForNow(err error) bool {
	if !poll.IsCode(err, "ClientException", "InvalidParameterException") {
		return false
	}
	return slices.ContainsFunc([]string{"Too many concurrent attempts", "Role is not valid", "Unable to assume"}, func(w string) bool {
		return strings.Contains(err.Error(), w)
	})
}

// unknownUpdateError is an update of which it is not known whether ECS took it.
type unknownUpdateError struct{ err error }

// Error says what is not known, and why.
func (e *unknownUpdateError) Error() string {
	return "update the service: whether ECS took it is not known: " + e.err.Error()
}

// Unwrap returns the cause.
func (e *unknownUpdateError) Unwrap() error { return e.err }

// unknownRevisionError is a registration of which it is not known whether ECS made
// the revision.
type unknownRevisionError struct{ error }

// Unwrap returns the cause.
func (e *unknownRevisionError) Unwrap() error { return e.error }

// overtakenError is a deployment of someone else that came while it was not known
// whether ours had.
type overtakenError struct{ deployment, taskDefinition string }

// Error names the deployment.
func (e *overtakenError) Error() string {
	return fmt.Sprintf("deployment %s of %s came in its place", e.deployment, rollout.ShortName(e.taskDefinition))
}

// update sets the task definition and nothing else: the number of tasks belongs
// to autoscaling, the rest to Terraform. When the answer is lost, the service is
// read until it shows the deployment, and only otherwise is the update sent
// again: a second forced update would supersede the first.
func (s Services) update(ctx context.Context, r *roll, sd *serviceDeployment) (*types.Service, error) {
	in := &ecs.UpdateServiceInput{
		Cluster: aws.String(r.cluster), Service: aws.String(r.service),
		TaskDefinition: r.definition.TaskDefinitionArn, ForceNewDeployment: r.step == force,
	}
	loop := s.Env.Start()
	lost := false
	for {
		var out *ecs.UpdateServiceOutput
		err := s.Env.Change(ctx, func(ctx context.Context) (err error) {
			out, err = s.ECS.UpdateService(ctx, in, oneAttempt)
			return err
		})
		switch {
		case err == nil:
			return out.Service, nil
		case ctx.Err() != nil, loop.Exhausted():
			return nil, updateError(err, lost || poll.Uncertain(err))
		case poll.Uncertain(err):
			lost = true
			s.Env.Reportf("%s: the answer to the update was lost (%v), reading whether ECS took it", r.subject, err)
			svc, lookup := s.updated(ctx, r, sd)
			if svc != nil || lookup != nil {
				return svc, lookup
			}
		case !poll.Transient(err) && !refusedForNow(err):
			return nil, updateError(err, lost)
		}
		loop.Failed()
		if waited := loop.Wait(ctx); waited != nil {
			return nil, updateError(waited, lost)
		}
	}
}

func updateError(err error, lost bool) error {
	if lost {
		return &unknownUpdateError{err}
	}
	return fmt.Errorf("update the service: %w", err)
}

// updated reads whether an update whose answer was lost took effect; nil if it
// did not. Beside the service, which may lag behind, the list of its service
// deployments may show it.
func (s Services) updated(ctx context.Context, r *roll, sd *serviceDeployment) (*types.Service, error) {
	view := r.view()
	loop := s.Env.Start()
	for {
		var svc *types.Service
		err := loop.Call(ctx, func(ctx context.Context) (err error) {
			svc, err = s.describeService(ctx, r.cluster, r.service)
			return err
		})
		switch {
		case err == nil:
			loop.Answered()
			if svc == nil {
				break
			}
			view.Service = svc
			p, ours := find(view)
			switch verdict := Evaluate(view); {
			case ours != nil, verdict.Failing: // it came, or was rolled back by now
				return svc, nil
			case verdict.Outcome == rollout.Superseded:
				return nil, &overtakenError{deployment: aws.ToString(p.Id), taskDefinition: aws.ToString(p.TaskDefinition)}
			case loop.Elapsed() >= lostAnswerGrace:
				if _, err := sd.read(ctx); err == nil && sd.arn != "" {
					return svc, nil
				}
				return nil, nil
			}
		case poll.Transient(err) && !loop.Exhausted():
			loop.Failed()
		default:
			return nil, &unknownUpdateError{err}
		}
		if waited := loop.Wait(ctx); waited != nil {
			return nil, &unknownUpdateError{waited}
		}
	}
}

// register registers a revision. base is the number of the family's latest one
// before. When the answer is lost, a revision after base with the same content is
// taken for the one just made.
func (s Services) register(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, base int32) (*types.TaskDefinition, error) {
	loop := s.Env.Start()
	lost := false
	fail := func(err error) (*types.TaskDefinition, error) {
		if lost {
			return nil, &unknownRevisionError{fmt.Errorf("register a revision of task definition %s: whether ECS made it is not known: %w", aws.ToString(in.Family), err)}
		}
		return nil, fmt.Errorf("register a revision of task definition %s: %w", aws.ToString(in.Family), err)
	}
	for {
		var out *ecs.RegisterTaskDefinitionOutput
		err := s.Env.Change(ctx, func(ctx context.Context) (err error) {
			out, err = s.ECS.RegisterTaskDefinition(ctx, in, oneAttempt)
			return err
		})
		switch {
		case err == nil && (out.TaskDefinition == nil || aws.ToString(out.TaskDefinition.TaskDefinitionArn) == ""):
			return fail(errors.New("the answer names none"))
		case err == nil:
			return out.TaskDefinition, nil
		case ctx.Err() != nil, !poll.Transient(err) && !refusedForNow(err), loop.Exhausted():
			lost = lost || poll.Uncertain(err)
			return fail(err)
		case poll.Uncertain(err):
			lost = true
			s.Env.Reportf("the answer to the registration was lost (%v), reading whether ECS made the revision", err)
			td, lookup := s.registered(ctx, in, base)
			if td != nil {
				return td, nil
			}
			if lookup != nil {
				return fail(fmt.Errorf("%w; %w", err, lookup))
			}
		}
		loop.Failed()
		if waited := loop.Wait(ctx); waited != nil {
			return fail(waited)
		}
	}
}

// registered searches for a revision after base with the content of in; nil if there
// is none after a while.
func (s Services) registered(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, base int32) (*types.TaskDefinition, error) {
	loop := s.Env.Start()
	for {
		latest, tags, err := s.describe(ctx, aws.ToString(in.Family))
		if err != nil {
			return nil, err
		}
		for revision := latest.Revision; revision > base; revision-- {
			td := latest
			if revision != latest.Revision {
				// One that cannot be read is not ours: ours was just made.
				if td, tags, err = s.describe(ctx, fmt.Sprintf("%s:%d", aws.ToString(in.Family), revision)); err != nil {
					continue
				}
			}
			equal, err := same(in, registrable(td, tags))
			if equal || err != nil {
				return &td, err
			}
		}
		if loop.Elapsed() >= lostAnswerGrace/2 {
			return nil, nil // a second revision of the same content does no harm
		}
		if waited := loop.Wait(ctx); waited != nil {
			return nil, waited
		}
	}
}
