package main

import (
	"context"
	"errors"
	"fmt"

	"dagger/sensor-backend/lock"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// turn takes the environment's deploy lock, so that two deploys do not overtake
// each other. The second is refused with who holds it. Call the returned
// function to give it back.
func (m *SensorBackend) turn(ctx context.Context, c *cloud) (func(), error) {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return nil, err
	}
	name := "deploy/" + m.Project + "-" + m.Environment
	held, err := lock.Acquire(ctx, dynamodb.NewFromConfig(c.config), lock.Request{
		Table: place.Table, Name: name, Holder: m.whoDeploys(ctx, c),
		Lost: func(err error) { say("deploy lock: %v", err) },
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
			say("deploy lock: %v", err)
		}
	}, nil
}

// whoDeploys names the caller and what is deployed, for others to read.
func (m *SensorBackend) whoDeploys(ctx context.Context, c *cloud) string {
	who := "someone"
	if out, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
		who = aws.ToString(out.Arn)
	}
	if ref, err := m.revision(ctx); err == nil {
		who = fmt.Sprintf("%s with %s", who, imageTag(ref))
	}
	return who
}
