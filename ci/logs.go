package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/logs"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout/redrive"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/text"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Logs shows the log of the API or the processor, and goes on as lines come.
//
// +cache="never"
func (m *SensorBackend) Logs(
	ctx context.Context,
	// Whose log: api or processor.
	// +default="api"
	of string,
	// Filter pattern of CloudWatch Logs, such as ERROR or { $.level = "ERROR" }.
	// +optional
	filter string,
	// How far back to begin, such as 10m.
	// +default="10m"
	since string,
	// How long to go on for new lines, such as 1h; they show as they come. By default only what is there is shown.
	// +optional
	follow string,
	// Log group to show instead, by name, such as /ecs/shop: of a service or function that Terraform did not make here.
	// +optional
	group string,
) (string, error) {
	output, ok := map[string]string{"api": "api_log_group", "processor": "processor_log_group"}[of]
	if !ok {
		return "", text.Unknown("log", of, []string{"api", "processor"}, "--of")
	}
	req := logs.Request{Filter: filter}
	var err error
	if req.Since, err = parseDuration("since", since); err != nil {
		return "", err
	}
	if req.Follow, err = parseDuration("follow", follow); err != nil {
		return "", err
	}
	if group != "" {
		req.Group = group
		return m.onCloud(ctx, func(c *cloud) (string, error) { return showLogs(ctx, c, req) })
	}
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) {
		if err := out.Need(output); err != nil {
			return "", err
		}
		req.Group = out[output]
		return showLogs(ctx, c, req)
	})
}

func showLogs(ctx context.Context, c *cloud, req logs.Request) (string, error) {
	var lines []string
	_, err := logs.Follow(ctx, cloudwatchlogs.NewFromConfig(c.config), req, poll.Env{}, func(line string) {
		if req.Follow > 0 {
			progress("%s", line)
		}
		lines = append(lines, line)
	})
	if err != nil {
		return "", err
	}
	if len(lines) == 0 {
		return fmt.Sprintf("no lines in %s of the last %s", req.Group, req.Since), nil
	}
	return strings.Join(lines, "\n"), nil
}

// Redrive hands the processor the events that it failed on and that wait in the queue.
//
// What it takes leaves the queue; what fails again stays there, and the call fails
// with a line for each.
//
// +cache="never"
func (m *SensorBackend) Redrive(
	ctx context.Context,
	// How many events to hand over, 1 to 10000.
	// +default=100
	most int,
) (string, error) {
	if most < 1 || most > 10000 {
		return "", fmt.Errorf("most %d: give 1 to 10000 events", most)
	}
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) {
		if err := out.Need("failed_events_queue_url", "lambda_function", "lambda_alias"); err != nil {
			return "", err
		}
		result, err := redrive.Redrive(ctx, sqs.NewFromConfig(c.config), awslambda.NewFromConfig(c.config), redrive.Request{
			Queue: out["failed_events_queue_url"], Function: out["lambda_function"], Alias: out["lambda_alias"], Most: most,
		})
		switch {
		case err != nil:
			return "", fmt.Errorf("%s\n%w", result, err)
		case len(result.Failures) > 0:
			return "", errors.New(result.String())
		}
		return result.String(), nil
	})
}
