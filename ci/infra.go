package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Plan shows what apply would change, breaks of the policy and costs; it changes nothing.
//
// What would be destroyed or replaced is listed by name. The plan is saved: apply
// it, and exactly it, with apply --plan ID.
//
// +cache="never"
func (m *SensorBackend) Plan(ctx context.Context) (string, error) {
	return m.onTerraform(ctx, func(tf *terraformSession) (string, error) {
		summary, err := tf.run(ctx, planAndSave)
		if err != nil {
			return "", withReport(err, summary)
		}
		return strings.Join(append(summary.Report, "plan: "+summary.String()), "\n"), nil
	})
}

// Apply makes the infrastructure what the configuration says and counts what changed.
//
// It runs terraform init, validate, plan, and apply of that very plan, or of one
// that was saved before.
// A plan that breaks the policy (infra/exceptions.json) is refused. It holds the
// deploy lock meanwhile.
//
// +cache="never"
func (m *SensorBackend) Apply(
	ctx context.Context,
	// Saved plan to apply, by the 16 hex digits that plan printed. One made before the last change of the state is refused. By default a new plan is made and applied.
	// +optional
	plan string,
	// Allow the plan to destroy or replace what holds data (buckets, tables, queues, images, keys, the warehouse) and services.
	// +optional
	loseData bool,
) (string, error) {
	if plan != "" && !planID.MatchString(plan) {
		return "", fmt.Errorf("plan %q: give the 16 hex digits that plan printed", plan)
	}
	return m.onLockedTerraform(ctx, func(tf *terraformSession) (string, error) {
		script := planAndApply
		if plan != "" {
			tf.base = tf.base.WithEnvVariable("PLAN_ID", plan)
			script = fetchAndApply
		}
		if loseData {
			tf.base = tf.base.WithEnvVariable("PLAN_LOSE_DATA", "--lose-data")
		}
		summary, err := tf.run(ctx, script)
		if err != nil {
			return "", withReport(err, summary)
		}
		return summary.String(), nil
	})
}

// Outputs returns the infrastructure's outputs, a JSON object of names and values.
//
// +cache="never"
func (m *SensorBackend) Outputs(ctx context.Context) (string, error) {
	return m.onDeployed(ctx, func(_ *cloud, out terraform.Outputs) (string, error) {
		raw, err := json.MarshalIndent(out, "", "  ")
		return string(raw), err
	})
}

// planID is the form of a saved plan's id.
var planID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// withReport puts what plancheck reported of the plan before the error.
func withReport(err error, summary terraform.Summary) error {
	if len(summary.Report) == 0 {
		return err
	}
	return fmt.Errorf("%s\n%w", strings.Join(summary.Report, "\n"), err)
}

// Drift compares the world with the configuration and changes nothing.
//
// What deployments and autoscaling change is not drift. Any difference is an error
// that lists them, with exit code 2.
//
// +cache="never"
func (m *SensorBackend) Drift(ctx context.Context) (string, error) {
	return m.onTerraform(ctx, func(tf *terraformSession) (string, error) { return findDrifted(ctx, tf) })
}

func findDrifted(ctx context.Context, tf *terraformSession) (string, error) {
	summary, err := tf.run(ctx, findDrift)
	switch {
	case len(summary.Report) > 0:
		return "", &driftError{places: summary.Report}
	case err != nil:
		return "", err
	}
	return "no drift: the world is as the configuration says", nil
}

// Destroy removes the whole environment, data included; the state's bucket and lock table stay.
//
// The task definitions and records that deployments added go too. What is protected,
// as all of prod is, is refused before anything is destroyed: apply with
// deletion_protection = false first.
//
// +cache="never"
func (m *SensorBackend) Destroy(
	ctx context.Context,
	// PROJECT-ENVIRONMENT, such as sensor-backend-dev, as a sign that this is meant.
	confirm string,
) (string, error) {
	if name := m.names().Environment; confirm != name {
		return "", fmt.Errorf("nothing destroyed: to destroy the environment with its data, give --confirm %s", name)
	}
	return m.onLocked(ctx, func(ctx context.Context, c *cloud) (string, error) {
		// Destroying reads no code.
		tf, err := m.configured(ctx, c, "", lambdazip.Archive{})
		if err != nil {
			return "", err
		}
		summary, err := tf.run(ctx, destroyAll)
		if err != nil {
			return "", err
		}
		return summary.String(), errors.Join(
			removeTaskDefinitions(ctx, c, m.names().Family),
			m.deployments(c).Forget(ctx),
		)
	})
}

// deleteBatch is how many task definitions one DeleteTaskDefinitions takes.
const deleteBatch = 10

// removeTaskDefinitions deregisters and deletes every revision of a family:
// Terraform leaves them for rollbacks, of which there are none any more.
func removeTaskDefinitions(ctx context.Context, c *cloud, family string) error {
	client := awsecs.NewFromConfig(c.config)
	var all []string
	pages := awsecs.NewListTaskDefinitionsPaginator(client, &awsecs.ListTaskDefinitionsInput{
		FamilyPrefix: &family, Status: ecstypes.TaskDefinitionStatusActive,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the task definitions of %s: %w", family, err)
		}
		all = append(all, page.TaskDefinitionArns...)
	}
	for _, arn := range all {
		if _, err := client.DeregisterTaskDefinition(ctx, &awsecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(arn)}); err != nil {
			return fmt.Errorf("deregister %s: %w", arn, err)
		}
	}
	if c.emulator != nil {
		return nil // it does not know DeleteTaskDefinitions
	}
	for batch := range slices.Chunk(all, deleteBatch) {
		if _, err := client.DeleteTaskDefinitions(ctx, &awsecs.DeleteTaskDefinitionsInput{TaskDefinitions: batch}); err != nil {
			return fmt.Errorf("delete the task definitions of %s: %w", family, err)
		}
	}
	return nil
}
