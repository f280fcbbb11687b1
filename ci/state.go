package main

import (
	"context"
	"fmt"
	"time"

	"dagger/sensor-backend/backend"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// SetupBackend makes the bucket (versioned, encrypted, private, TLS only) and the lock table for Terraform's state, once for an account and region. Running it again repairs their settings and changes nothing else.
//
// +cache="never"
func (m *SensorBackend) SetupBackend(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return m.setupBackend(ctx, c)
}

func (m *SensorBackend) setupBackend(ctx context.Context, c *cloud) (string, error) {
	place := m.place(c)
	newBucket, newTable, err := backend.Setup(ctx, c.s3(), dynamodb.NewFromConfig(c.config), place, time.Second)
	if err != nil {
		return "", err
	}
	was := func(created bool) string {
		if created {
			return "made"
		}
		return "there already"
	}
	return fmt.Sprintf("state bucket %s: %s; lock table %s: %s", place.Bucket, was(newBucket), place.Table, was(newTable)), nil
}

func (m *SensorBackend) place(c *cloud) backend.Place {
	place := backend.Locate(m.Project, m.Environment, c.account, m.Region)
	place.PlainHTTP = c.emulator != nil
	return place
}

// statePlace is where this environment's state lies. The emulated AWS, which
// starts empty, gets it made; in an account that is a decision of its own.
func (m *SensorBackend) statePlace(ctx context.Context, c *cloud) (backend.Place, error) {
	place := m.place(c)
	if c.emulator != nil {
		_, err := m.setupBackend(ctx, c)
		return place, err
	}
	there, err := backend.Exists(ctx, c.s3(), place)
	if err != nil {
		return place, err
	}
	if !there {
		return place, fmt.Errorf("the state bucket %s does not exist: run setup-backend once for this account and region", place.Bucket)
	}
	return place, nil
}
