package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/deployments"
	"dagger/sensor-backend/rollout/ecs"
	"dagger/sensor-backend/rollout/lambda"
	"dagger/sensor-backend/target"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// system is what a verb deploys to, reads or takes back: a service, a function,
// or both, and where its deployments are recorded.
type system struct {
	// own tells that Terraform made it, from this repository.
	own      bool
	service  serviceNames
	function functionNames
	// repository is the ECR repository of the service's image; empty if it is not
	// known.
	repository string
	// deployments records what the system ran; it has no API where nothing shall
	// be recorded.
	deployments deployments.Store
}

// serviceNames name an ECS service; without a service there is none.
type serviceNames struct {
	cluster, service string
	// family is the task definition family; empty for the one that the service
	// runs.
	family string
	// container is the one whose image names what runs; empty for the first.
	container string
}

// functionNames name a Lambda function's alias; without a function there is none.
type functionNames struct {
	function, alias string
}

// named is a system that arguments name, instead of the one that Terraform made.
type named struct {
	service  serviceNames
	function functionNames
	// unlocked deploys without lock and records.
	unlocked bool
}

// given reports whether arguments name a system.
func (n named) given() bool { return n.service.service != "" || n.function.function != "" }

// role is the role that works on the system; none where arguments name it, since the
// roles are for what Terraform made.
func (n named) role() role {
	if n.given() {
		return anybody
	}
	return deploying
}

// check refuses arguments that do not go together.
func (n named) check() error {
	switch {
	case (n.service.cluster == "") != (n.service.service == ""):
		return errors.New("--cluster and --service go together: give both, or neither for the service that Terraform made")
	case n.function.alias != "" && n.function.function == "":
		return errors.New("--alias is given without --function: give both, or neither for the function that Terraform made")
	case n.function.function != "" && n.function.alias == "":
		return errors.New("--function is given without --alias: name the alias that callers use, such as --alias PROD")
	case n.service.service != "" && n.function.function != "":
		return errors.New("--service and --function are two systems, each with a lock and a list of deployments: call once for each")
	case n.unlocked && !n.given():
		return errors.New("--no-lock goes with a system that arguments name: the one that Terraform made is always locked")
	}
	return nil
}

// key names the system in locks and parameters.
func (n named) key() string {
	if n.service.service != "" {
		return target.ServiceKey(n.service.cluster, n.service.service)
	}
	return target.FunctionKey(n.function.function, n.function.alias)
}

// namedSystem is the system that arguments name.
func namedSystem(c *cloud, n named) system {
	s := system{service: n.service, function: n.function}
	if !n.unlocked {
		s.deployments = deployments.Store{API: ssm.NewFromConfig(c.config), Name: "/deployments/" + n.key()}
	}
	return s
}

// ownSystem is the system that Terraform made, by its outputs.
func (m *SensorBackend) ownSystem(c *cloud, out terraform.Outputs) (system, error) {
	if err := out.Need("ecs_cluster", "ecs_service", "ecs_task_family", "api_container", "lambda_function", "lambda_alias"); err != nil {
		return system{}, err
	}
	return system{
		own: true,
		service: serviceNames{
			cluster: out["ecs_cluster"], service: out["ecs_service"], family: out["ecs_task_family"], container: out["api_container"],
		},
		function:    functionNames{function: out["lambda_function"], alias: out["lambda_alias"]},
		repository:  out["ecr_repository_name"],
		deployments: m.deployments(c),
	}, nil
}

// loadSystem is the system that arguments name, or the one that Terraform made.
func (m *SensorBackend) loadSystem(ctx context.Context, c *cloud, n named) (system, error) {
	if n.given() {
		return namedSystem(c, n), nil
	}
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return system{}, err
	}
	return m.ownSystem(c, out)
}

// recorded reports whether the system's deployments are recorded.
func (s system) recorded() bool { return s.deployments.API != nil }

// known loads what is recorded of the system.
func (s system) known(ctx context.Context) (deployments.History, error) {
	if !s.recorded() {
		return deployments.History{}, nil
	}
	return s.deployments.Load(ctx)
}

// running is what the system runs.
type running struct {
	service  ecs.State
	function lambda.State
	// image is what the service's container runs, the first one if none is named;
	// empty if nothing completed. images is what all of them run.
	image  string
	images []ecs.ContainerImage
	entry  deployments.Entry
}

// running reads what the system runs now.
func (s system) running(ctx context.Context, c *cloud) (running, error) {
	var r running
	var err error
	if s.service.service != "" {
		if r.service, err = services(c).Current(ctx, s.service.cluster, s.service.service); err != nil {
			return r, err
		}
	}
	if s.function.function != "" {
		if r.function, err = functions(c).Current(ctx, s.function.function, s.function.alias); err != nil {
			return r, err
		}
		r.entry.Function = deployments.Half{Version: r.function.Version, Digest: r.function.CodeSHA256}
	}
	r.entry.At = time.Now().UTC().Truncate(time.Second)
	if r.service.TaskDefinition != "" {
		if r.images, err = services(c).Images(ctx, r.service.TaskDefinition); err != nil {
			return r, err
		}
		for i, one := range r.images {
			if one.Container == s.service.container || s.service.container == "" && i == 0 {
				r.image = one.Image
			}
		}
	}
	if r.service.Settled {
		r.entry.Service = deployments.Half{Version: rollout.ShortName(r.service.TaskDefinition), Digest: digestOf(r.image)}
	}
	return r, nil
}

// halves lists the stages that deploy to the system.
func (s system) halves() []string {
	var list []string
	if s.service.service != "" {
		list = append(list, trigger.ECS)
	}
	if s.function.function != "" {
		list = append(list, trigger.Lambda)
	}
	return list
}

// checkHalf refuses a half that the system does not have.
func (s system) checkHalf(only string) error {
	if only != "" && !slices.Contains(s.halves(), only) {
		return fmt.Errorf("--only %s: the system named has no such half", only)
	}
	return nil
}
