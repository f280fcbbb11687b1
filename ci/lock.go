package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/lock"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfstate"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// namedLocks is the table of the deploy locks of systems that arguments name; it
// is made on first use.
const namedLocks = "sensor-backend-deploy-locks"

// acquireLock takes the deploy lock of a system, so that two deploys do not
// overtake each other. A second one is refused with who holds the lock. Call the
// returned function, which is never nil, to release it.
func (m *SensorBackend) acquireLock(ctx context.Context, c *cloud, n named) (release func(), err error) {
	if n.unlocked {
		return func() {}, nil
	}
	table, name, err := m.lockPlace(ctx, c, n)
	if err != nil {
		return func() {}, err
	}
	held, err := lock.Acquire(ctx, dynamodb.NewFromConfig(c.config), lock.Request{
		Table: table, Name: name, Holder: m.deployer(ctx, c),
		Lost: func(err error) { progress("deploy lock: %v", err) },
	})
	var other *lock.HeldError
	if errors.As(err, &other) {
		return func() {}, &rollout.Error{
			Outcome: rollout.NotStarted, Subject: m.targetName(c), Err: err, Next: "wait for that deploy, then start this one again",
		}
	}
	if err != nil {
		return func() {}, err
	}
	return func() {
		if err := held.Release(ctx); err != nil {
			progress("deploy lock: %v", err)
		}
	}, nil
}

// lockPlace is the table and the name of a system's deploy lock.
func (m *SensorBackend) lockPlace(ctx context.Context, c *cloud, n named) (table, name string, err error) {
	if n.given() {
		return namedLocks, "deploy/" + n.key(), tfstate.EnsureTable(ctx, dynamodb.NewFromConfig(c.config), namedLocks, time.Second)
	}
	place, err := m.statePlace(ctx, c)
	return place.Table, "deploy/" + m.Project + "-" + m.Environment, err
}

// deployer names the caller and what is deployed, for others to read.
func (m *SensorBackend) deployer(ctx context.Context, c *cloud) string {
	if ref, err := m.revision(ctx); err == nil {
		return fmt.Sprintf("%s with %s", c.caller, imageTag(ref))
	}
	return c.caller
}
