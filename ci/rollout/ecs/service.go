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

// missingBeforeStart is how long a service that was just made may take to appear.
const missingBeforeStart = 15 * time.Second

// service reads the service, waiting a little for one that does not appear yet,
// and refuses one that cannot be deployed to.
func (s Services) service(ctx context.Context, cluster, service string) (types.Service, error) {
	loop := s.Env.Start()
	for {
		var svc *types.Service
		err := loop.Call(ctx, func(ctx context.Context) (err error) {
			svc, err = s.describeService(ctx, cluster, service)
			return err
		})
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
		if waited := loop.Wait(ctx); waited != nil {
			return types.Service{}, errors.Join(waited, err)
		}
	}
}

// deployable refuses services that are not updated through UpdateService (API
// type DeploymentController).
func deployable(svc types.Service) error {
	if st := aws.ToString(svc.Status); st != "" && st != statusActive {
		return fmt.Errorf("it is %s, not ACTIVE; run apply first", st)
	}
	c := svc.DeploymentController
	if c == nil {
		return nil
	}
	switch c.Type {
	case "", types.DeploymentControllerTypeEcs:
		return nil
	case types.DeploymentControllerTypeCodeDeploy:
		return errors.New("its deployment controller is CODE_DEPLOY, which this deployer does not drive: deploy with aws ecs deploy or a CodeDeploy deployment, or move the service to the controller ECS and its own blue/green strategy")
	case types.DeploymentControllerTypeExternal:
		return errors.New("its deployment controller is EXTERNAL, which this deployer does not drive: deploy with the controller that makes its task sets, or make the service again with the controller ECS")
	default:
		return fmt.Errorf("its deployment controller is %s; only ECS's own is supported", c.Type)
	}
}

// describeService is one DescribeServices; nil means that the service was missing
// in it.
func (s Services) describeService(ctx context.Context, cluster, service string) (*types.Service, error) {
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
	err := s.Env.Ask(ctx, func(ctx context.Context) (err error) {
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
