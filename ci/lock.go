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

// heldLock is a deploy lock that is held, or stands for none.
type heldLock struct {
	lock *lock.Lock
}

// acquireLock takes the deploy lock of a system, so that two deploys do not
// overtake each other. A second one is refused with who holds the lock. Release it.
// While it is held, the clients of c change nothing once it is lost.
func (m *SensorBackend) acquireLock(ctx context.Context, c *cloud, n named) (heldLock, error) {
	if n.unlocked {
		return heldLock{}, nil
	}
	table, name, err := m.lockPlace(ctx, c, n)
	if err != nil {
		return heldLock{}, err
	}
	held, err := lock.Acquire(ctx, dynamodb.NewFromConfig(c.config), lock.Request{
		Table: table, Name: name, Holder: m.deployer(ctx, c),
		Progress: func(line string) { progress("deploy %s", line) },
	})
	var other *lock.HeldError
	if errors.As(err, &other) {
		return heldLock{}, &rollout.Error{
			Outcome: rollout.NotStarted, Subject: m.targetName(c), Err: err, Next: "wait for that deploy, then start this one again",
		}
	}
	if err != nil {
		return heldLock{}, err
	}
	c.guard.Store(held)
	return heldLock{held}, nil
}

// release gives the lock back.
func (h heldLock) release(ctx context.Context, c *cloud) {
	if h.lock == nil {
		return
	}
	c.guard.Store(nil)
	if err := h.lock.Release(ctx); err != nil {
		progress("deploy lock: %v", err)
	}
}

// during runs work until the lock is lost, which then is what its error says.
func (h heldLock) during(ctx context.Context, work func(context.Context) (string, error)) (string, error) { //nolint:contextcheck // the lock's context ends with the lock, not with the call
	if h.lock == nil {
		return work(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lost := h.lock.Context()
	defer context.AfterFunc(lost, func() { cancel(context.Cause(lost)) })() //nolint:contextcheck // the lock's context ends with the lock, not with the call
	shown, err := work(ctx)
	var reason *lock.LostError
	if err != nil && errors.As(context.Cause(ctx), &reason) && !errors.As(err, new(*lock.LostError)) {
		err = fmt.Errorf("%w: %w", reason, err)
	}
	return shown, err
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
	// The state's lock is that of who applies.
	releaser := applying
	if n.given() {
		releaser = anybody
	}
	return m.onCloudAs(ctx, releaser, func(c *cloud) (string, error) {
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

// lockPlace is the table and the name of a system's deploy lock.
func (m *SensorBackend) lockPlace(ctx context.Context, c *cloud, n named) (table, name string, err error) {
	if n.given() {
		return namedLocks, "deploy/" + n.key(), tfstate.EnsureTable(ctx, dynamodb.NewFromConfig(c.config), namedLocks, time.Second)
	}
	place, err := m.statePlace(ctx, c)
	return place.Table, "deploy/" + m.names().Environment, err
}

// deployer names the caller and what is deployed, for others to read.
func (m *SensorBackend) deployer(ctx context.Context, c *cloud) string {
	if ref, err := m.revision(ctx); err == nil {
		return fmt.Sprintf("%s with %s", c.caller, imageTag(ref))
	}
	return c.caller
}
