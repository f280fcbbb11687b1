package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// errMissing is a service that DescribeServices does not know.
var errMissing = errors.New("it does not exist; run apply first, it makes the service")

// service reads the service, waiting a little for one that is not to be seen
// yet, and refuses one that cannot be deployed to.
func (s Services) service(ctx context.Context, cluster, service string) (types.Service, error) {
	loop := s.Env.Start()
	for {
		svc, err := s.look(ctx, cluster, service)
		switch {
		case err == nil && svc != nil:
			return *svc, deployable(*svc)
		case err == nil, poll.IsCode(err, "ServiceNotFoundException"):
			if loop.Elapsed() >= missingBeforeStart {
				return types.Service{}, errMissing
			}
			loop.Answered()
		case poll.Transient(err) && !loop.Exhausted():
			loop.Failed()
		case poll.IsCode(err, "ClusterNotFoundException"):
			return types.Service{}, fmt.Errorf("there is no cluster %s; run apply first: %w", cluster, err)
		default:
			return types.Service{}, err
		}
		if err := loop.Wait(ctx); err != nil {
			return types.Service{}, err
		}
	}
}

const (
	// missingBeforeStart is how long a service that was just made may take to
	// be seen.
	missingBeforeStart = 15 * time.Second
)

// deployable refuses services that are not updated through UpdateService.
func deployable(svc types.Service) error {
	if st := aws.ToString(svc.Status); st != "" && st != statusActive {
		return fmt.Errorf("it is %s, not ACTIVE; run apply first", st)
	}
	if c := svc.DeploymentController; c != nil && c.Type != "" && c.Type != types.DeploymentControllerTypeEcs {
		return fmt.Errorf("its deployment controller is %s; only ECS's own is supported", c.Type)
	}
	return nil
}

// look is one DescribeServices; nil means that the service was missing in it.
func (s Services) look(ctx context.Context, cluster, service string) (*types.Service, error) {
	out, err := s.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{service}})
	if err != nil {
		return nil, err
	}
	if len(out.Services) == 0 {
		return nil, nil
	}
	return &out.Services[0], nil
}

// describe reads a task definition with its tags; a family alone means its
// latest active revision (API DescribeTaskDefinition).
func (s Services) describe(ctx context.Context, name string) (types.TaskDefinition, []types.Tag, error) {
	var out *ecs.DescribeTaskDefinitionOutput
	err := s.Env.Retry(ctx, func() (err error) {
		out, err = s.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
			TaskDefinition: aws.String(name),
			Include:        []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
		})
		return err
	})
	if err != nil {
		return types.TaskDefinition{}, nil, fmt.Errorf("read task definition %s: %w", rollout.ShortName(name), err)
	}
	if out.TaskDefinition == nil {
		return types.TaskDefinition{}, nil, fmt.Errorf("read task definition %s: the answer is empty", rollout.ShortName(name))
	}
	return *out.TaskDefinition, out.Tags, nil
}

func (s Services) register(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*types.TaskDefinition, error) {
	var out *ecs.RegisterTaskDefinitionOutput
	err := s.Env.Retry(ctx, func() (err error) {
		out, err = s.ECS.RegisterTaskDefinition(ctx, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("register a revision of task definition %s: %w", aws.ToString(in.Family), err)
	}
	if out.TaskDefinition == nil || aws.ToString(out.TaskDefinition.TaskDefinitionArn) == "" {
		return nil, fmt.Errorf("register a revision of task definition %s: the answer names none", aws.ToString(in.Family))
	}
	return out.TaskDefinition, nil
}

// update sets the task definition and nothing else: the number of tasks belongs
// to autoscaling, the rest to Terraform.
func (s Services) update(ctx context.Context, req rollRequest, force bool) (*types.Service, error) {
	var out *ecs.UpdateServiceOutput
	err := s.Env.Retry(ctx, func() (err error) {
		out, err = s.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{
			Cluster:            aws.String(req.cluster),
			Service:            aws.String(req.service),
			TaskDefinition:     req.definition.TaskDefinitionArn,
			ForceNewDeployment: force,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("update the service: %w", err)
	}
	return out.Service, nil
}
