package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/lock"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/tfstate"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
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
	// PROJECT-ENVIRONMENT, such as sensor-dev, as a sign that this is meant.
	confirm string,
) (string, error) {
	if name := m.Project + "-" + m.Environment; confirm != name {
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
			removeTaskDefinitions(ctx, c, m.Project+"-"+m.Environment+"-api"),
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

// Unlock releases a lock whose run is gone for good, by its id.
//
// It knows the deploy lock and Terraform's lock on the state. The refused run
// printed the id.
//
// +cache="never"
func (m *SensorBackend) Unlock(
	ctx context.Context,
	// The lock's id.
	id string,
	// ECS cluster of the service that the lock is of, instead of what Terraform made; with service.
	// +optional
	cluster string,
	// ECS service that the lock is of; with cluster.
	// +optional
	service string,
	// Lambda function that the lock is of; with alias.
	// +optional
	function string,
	// Alias of the function; with function.
	// +optional
	alias string,
) (string, error) {
	if id == "" {
		return "", errors.New("give the lock's id, as the refused run printed it")
	}
	n := named{service: serviceNames{cluster: cluster, service: service}, function: functionNames{function: function, alias: alias}}
	if err := n.check(); err != nil {
		return "", err
	}
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		table, name, err := m.lockPlace(ctx, c, n)
		if err != nil {
			return "", err
		}
		locks := dynamodb.NewFromConfig(c.config)
		held, err := lock.Inspect(ctx, locks, table, name)
		if err != nil {
			return "", err
		}
		if held != nil && held.ID == id {
			return fmt.Sprintf("released the deploy lock of %s, held since %s", held.Holder, held.Since.UTC().Format(time.RFC3339)),
				lock.ForceRelease(ctx, locks, table, name, id)
		}
		if n.given() {
			return "", fmt.Errorf("no lock with id %s is held on %s: status shows what runs", id, n.key())
		}
		return tfstate.Unlock(ctx, c.s3(), locks, m.place(c), id)
	})
}

// SetupBackend makes what an account needs once: the state's bucket, its lock table, service roles.
//
// The bucket is versioned, encrypted, private and takes TLS only. The roles are those
// by which ECS, load balancing, autoscaling and Redshift act in an account, which
// nobody but an administrator may make. Running it again repairs the settings and
// changes nothing else.
//
// +cache="never"
func (m *SensorBackend) SetupBackend(ctx context.Context) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) { return m.setupBackend(ctx, c) })
}

func (m *SensorBackend) setupBackend(ctx context.Context, c *cloud) (string, error) {
	place := m.place(c)
	newBucket, newTable, err := tfstate.Setup(ctx, c.s3(), dynamodb.NewFromConfig(c.config), place, time.Second)
	if err != nil {
		return "", err
	}
	linked, err := tfstate.LinkRoles(ctx, iam.NewFromConfig(c.config))
	if err != nil {
		return "", err
	}
	roles := "there already"
	if len(linked) > 0 {
		roles = "made for " + strings.Join(linked, ", ")
	}
	state := func(created bool) string {
		if created {
			return "made"
		}
		return "there already"
	}
	return fmt.Sprintf("state bucket %s: %s; lock table %s: %s; service-linked roles: %s",
		place.Bucket, state(newBucket), place.Table, state(newTable), roles), nil
}

func (m *SensorBackend) place(c *cloud) tfstate.Place {
	place := tfstate.Locate(m.Project, m.Environment, c.account, m.Region)
	place.PlainHTTP = c.emulator != nil
	return place
}

// statePlace is where this environment's state lies. The emulated AWS, which
// starts empty, gets it made; in an account setup-backend makes it.
func (m *SensorBackend) statePlace(ctx context.Context, c *cloud) (tfstate.Place, error) {
	place := m.place(c)
	if c.emulator != nil {
		_, err := m.setupBackend(ctx, c)
		return place, err
	}
	there, err := tfstate.Exists(ctx, c.s3(), place)
	if err != nil {
		return place, err
	}
	if !there {
		return place, fmt.Errorf("the state bucket %s does not exist: run setup-backend once for this account and region", place.Bucket)
	}
	return place, nil
}
