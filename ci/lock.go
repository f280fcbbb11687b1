package main

import (
	"context"
	"errors"
	"fmt"

	"dagger/sensor-backend/lock"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// acquireLock takes the environment's deploy lock, so that two deploys do not
// overtake each other. A second one is refused with who holds the lock. Call the
// returned function to release it.
func (m *SensorBackend) acquireLock(ctx context.Context, c *cloud) (release func(), err error) {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return nil, err
	}
	held, err := lock.Acquire(ctx, dynamodb.NewFromConfig(c.config), lock.Request{
		Table: place.Table, Name: "deploy/" + m.Project + "-" + m.Environment, Holder: m.deployer(ctx, c),
		Lost: func(err error) { progress("deploy lock: %v", err) },
	})
	var other *lock.HeldError
	if errors.As(err, &other) {
		return nil, &rollout.Error{
			Outcome: rollout.NotStarted, Subject: m.targetName(c), Err: err, Next: "wait for that deploy, then start this one again",
		}
	}
	if err != nil {
		return nil, err
	}
	return func() {
		if err := held.Release(ctx); err != nil {
			progress("deploy lock: %v", err)
		}
	}, nil
}

// deployer names the caller and what is deployed, for others to read.
func (m *SensorBackend) deployer(ctx context.Context, c *cloud) string {
	if ref, err := m.revision(ctx); err == nil {
		return fmt.Sprintf("%s with %s", c.caller, imageTag(ref))
	}
	return c.caller
}
