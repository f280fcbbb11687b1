package main

import (
	"context"
	"fmt"
	"slices"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/migrate"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// databaseVariable is what a container with a database is given.
const databaseVariable = "DATABASE_URL"

// migrating brings the schema up to what a revision expects, by a task of that
// revision. A service without a database needs none.
func migrating(c *cloud, out tfrun.Outputs) func(context.Context, ecstypes.Service, ecstypes.TaskDefinition) error {
	return func(ctx context.Context, service ecstypes.Service, definition ecstypes.TaskDefinition) error {
		if !migrate.Needed(definition, out["api_container"], databaseVariable) {
			return nil
		}
		deployer := services(c)
		tasks := migrate.Tasks{ECS: ecs.NewFromConfig(c.config), Logs: cloudwatchlogs.NewFromConfig(c.config), Env: deployer.Env}
		return tasks.Run(ctx, migrate.Request{
			Service: service, Definition: definition, Container: out["api_container"], Command: []string{"migrate"},
		})
	}
}

// migrateFirst migrates for a service that runs what it should but was never
// deployed to: Terraform made it with the image, and its schema is not there yet.
func (m *SensorBackend) migrateFirst(ctx context.Context, c *cloud, out tfrun.Outputs, runs rollout.ServiceResult) error {
	known, err := m.store(c).Load(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(e history.Entry) bool { return e.Commit != "" }) {
		return nil
	}
	api := ecs.NewFromConfig(c.config)
	found, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(out["ecs_cluster"]), Services: []string{out["ecs_service"]}})
	if err != nil {
		return fmt.Errorf("read service %s to migrate for it: %w", out["ecs_service"], err)
	}
	if len(found.Services) == 0 {
		return fmt.Errorf("read service %s to migrate for it: ECS does not know it", out["ecs_service"])
	}
	revision, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(runs.TaskDefinition)})
	if err != nil {
		return fmt.Errorf("read task definition %s to migrate for it: %w", rollout.ShortName(runs.TaskDefinition), err)
	}
	return migrating(c, out)(ctx, found.Services[0], *revision.TaskDefinition)
}
