package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/gitref/content"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/load"
	"dagger/sensor-backend/negative"
	"dagger/sensor-backend/smoke"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Smoke proves with sensor readings that what is deployed works; returns one line a check.
//
// It asks health and version through the load balancer, posts readings and queries
// them back, and drops a file in the source bucket to see all that the processor
// makes of it.
//
// It leaves behind the readings and objects of a sensor named smoke-….
//
// +cache="never"
func (m *SensorBackend) Smoke(
	ctx context.Context,
	// Sensor file to use, CSV with the header timestamp,value and at least one anomaly. By default the seeded generator makes one.
	// +optional
	readings *dagger.File,
) (string, error) {
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) {
		api, err := m.api(ctx)
		if err != nil {
			return "", err
		}
		image, err := m.pushedImage(ctx, c, out, "")
		if err != nil {
			return "", err
		}
		report, err := m.smoke(ctx, c, out, api.version, image, readings)
		if err != nil {
			return "", fmt.Errorf("%w\n%s", err, report.Table())
		}
		return report.Table(), nil
	})
}

func (m *SensorBackend) smoke(ctx context.Context, c *cloud, out terraform.Outputs, version content.Version, image string, readings *dagger.File) (smoke.Report, error) {
	if err := out.Need("api_url", "source_bucket", "processed_bucket", "metadata_table", "alerts_topic_arn"); err != nil {
		return nil, err
	}
	if readings == nil {
		readings = m.generatedReadings()
	}
	file, err := readings.Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the sensor file: %w", err)
	}
	client, err := m.client(ctx, c)
	if err != nil {
		return nil, err
	}
	_, digest, _ := strings.Cut(image, "@")
	return smoke.Run(ctx, smoke.System{
		URL:             out["api_url"],
		HTTP:            client,
		Version:         version.Name,
		Commit:          version.Commit,
		Digest:          digest,
		Warehouse:       c.emulator != nil,
		SourceBucket:    out["source_bucket"],
		ProcessedBucket: out["processed_bucket"],
		MetadataTable:   out["metadata_table"],
		AlertsTopic:     out["alerts_topic_arn"],
		Objects:         c.s3(),
		Rows:            dynamodb.NewFromConfig(c.config),
		Topics:          sns.NewFromConfig(c.config),
		Queues:          sqs.NewFromConfig(c.config),
	}, smoke.Options{
		File:     []byte(file),
		ID:       strings.ToLower(rand.Text()[:10]),
		Timeout:  2 * time.Minute,
		Poll:     300 * time.Millisecond,
		Progress: func(line string) { progress("smoke: %s", line) },
	})
}

// generatedReadings is a file of the seeded generator: the same every time.
func (m *SensorBackend) generatedReadings() *dagger.File {
	const out = "/out/readings.csv"
	return golang(m.Services).
		WithExec([]string{"mkdir", "-p", "/out"}).
		WithExec([]string{"sh", "-c", "go run ./cmd/generate -seed 1 -n 2000 >" + out}).
		File(out)
}

// Negative sends the deployed API hostile requests and fails with those it does not refuse cleanly.
//
// Such are failures of the server, answers that show its inside, pages of other
// origins let in.
//
// It may leave a few readings of a sensor named negative behind.
//
// +cache="never"
func (m *SensorBackend) Negative(ctx context.Context) (string, error) {
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) { return m.sendHostile(ctx, c, out) })
}

func (m *SensorBackend) sendHostile(ctx context.Context, c *cloud, out terraform.Outputs) (string, error) {
	if err := out.Need("api_url"); err != nil {
		return "", err
	}
	client, err := m.client(ctx, c)
	if err != nil {
		return "", err
	}
	report, err := negative.Run(ctx, client, out["api_url"])
	if err != nil {
		return "", err
	}
	return report.String(), report.Err()
}

// Load puts a constant load on the deployed API and fails if its answers exceed the budget.
//
// One request in four is a batch of ten readings.
// It leaves the readings of a sensor named load-… behind.
//
// +cache="never"
func (m *SensorBackend) Load(
	ctx context.Context,
	// Requests a second, 1 to 1000.
	// +default=50
	rate int,
	// How long, 1s to 10m.
	// +default="10s"
	last string,
	// Budget of the slowest request but one in a hundred.
	// +default="250ms"
	p99 string,
	// Budget of requests that fail, in percent.
	// +default=0
	errors float64,
) (string, error) {
	plan, err := load.ParsePlan(rate, last, p99, errors)
	if err != nil {
		return "", err
	}
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) { return m.putUnderLoad(ctx, c, out, plan) })
}

// usualLoad is the plan of the stage: what Load does by default.
func usualLoad() load.Plan {
	return load.Plan{Rate: 50, Time: 10 * time.Second, P99: 250 * time.Millisecond}
}

func (m *SensorBackend) putUnderLoad(ctx context.Context, c *cloud, out terraform.Outputs, plan load.Plan) (string, error) {
	if err := out.Need("api_url"); err != nil {
		return "", err
	}
	client, err := m.client(ctx, c)
	if err != nil {
		return "", err
	}
	report, err := load.Run(ctx, client, out["api_url"], "load-"+strings.ToLower(rand.Text()[:10]), plan)
	if err != nil {
		return "", err
	}
	return report.String(), report.Err()
}
