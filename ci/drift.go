package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/backend"
	"dagger/sensor-backend/lambdazip"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Drift compares the world with the configuration and changes nothing. What deployments and autoscaling change is no drift. Any difference is an error that lists them, with exit code 2.
//
// +cache="never"
func (m *SensorBackend) Drift(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	report, err := m.terraformOnce(ctx, func(tf *terraform) (string, error) { return lookForDrift(ctx, tf) })
	return report, exits(err)
}

func lookForDrift(ctx context.Context, tf *terraform) (string, error) {
	summary, err := tf.run(ctx, findDrift)
	switch {
	case len(summary.Report) > 0:
		return "", &driftError{places: summary.Report}
	case err != nil:
		return "", err
	}
	return "no drift: the world is as the configuration says", nil
}

// driftError is a world that is not as the configuration says.
type driftError struct {
	places []string
}

func (e *driftError) Error() string {
	return fmt.Sprintf("the world differs from the configuration in %d places:\n%s", len(e.places), strings.Join(e.places, "\n"))
}

// ExitCode is that of terraform plan -detailed-exitcode for a difference.
func (e *driftError) ExitCode() int { return 2 }

// Destroy removes the whole environment: every resource, data included, and the task definitions and records that deployments added. The state's bucket and lock table stay.
//
// prod is protected: its buckets, table, images and load balancer refuse.
//
// +cache="never"
func (m *SensorBackend) Destroy(
	ctx context.Context,
	// PROJECT-ENVIRONMENT, such as sensor-dev, as a sign that this is meant.
	confirm string,
) (shown string, err error) {
	defer clean(&shown, &err)
	if name := m.Project + "-" + m.Environment; confirm != name {
		return "", fmt.Errorf("nothing destroyed: to destroy the environment with its data, give --confirm %s", name)
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	giveBack, err := m.turn(ctx, c)
	if err != nil {
		return "", exits(err)
	}
	defer giveBack()
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
		m.store(c).Forget(ctx),
	)
}

// Unlock releases a lock on the state whose run is gone for good, by the id that the refused run printed.
//
// +cache="never"
func (m *SensorBackend) Unlock(
	ctx context.Context,
	// The lock's id.
	lock string,
) (shown string, err error) {
	defer clean(&shown, &err)
	if lock == "" {
		return "", errors.New("give the lock's id, as the refused run printed it")
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return backend.Unlock(ctx, c.s3(), dynamodb.NewFromConfig(c.config), m.place(c), lock)
}
