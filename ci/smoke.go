package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/smoke"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Smoke proves with sensor readings that what is deployed works: health and version through the load balancer, readings posted and queried back, a file dropped in the source bucket and all that the processor makes of it. Returns one line a check.
//
// It leaves behind the readings and objects of a sensor named smoke-….
//
// +cache="never"
func (m *SensorBackend) Smoke(
	ctx context.Context,
	// Sensor file to use, CSV with the header timestamp,value and at least one anomaly. By default the seeded generator makes one.
	// +optional
	readings *dagger.File,
) (shown string, err error) {
	defer clean(&shown, &err)
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) {
		ref, err := m.revision(ctx)
		if err != nil {
			return "", err
		}
		image, err := m.pushedImage(ctx, c, out, "")
		if err != nil {
			return "", err
		}
		report, err := m.smoke(ctx, c, out, ref.Commit, image, readings)
		if err != nil {
			return "", fmt.Errorf("%w\n%s", err, report.Table())
		}
		return report.Table(), nil
	})
}

func (m *SensorBackend) smoke(ctx context.Context, c *cloud, out tfrun.Outputs, commit, image string, readings *dagger.File) (smoke.Report, error) {
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
	_, digest, _ := strings.Cut(image, "@")
	return smoke.Run(ctx, smoke.System{
		URL:             out["api_url"],
		HTTP:            c.http(),
		Commit:          commit,
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
		Progress: func(line string) { say("smoke: %s", line) },
	})
}

// generatedReadings is a file of the seeded generator: the same every time.
func (m *SensorBackend) generatedReadings() *dagger.File {
	const out = "/out/readings.csv"
	return golang(m.Services).
		WithExec([]string{"mkdir", "-p", "/out"}).
		WithExec([]string{"go", "run", "./cmd/generate", "-seed", "1", "-n", "2000"},
			dagger.ContainerWithExecOpts{RedirectStdout: out}).
		File(out)
}
