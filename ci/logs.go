package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/logs"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
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
) (shown string, err error) {
	defer clean(&shown, &err)
	output, ok := map[string]string{"api": "api_log_group", "processor": "processor_log_group"}[of]
	if !ok {
		return "", fmt.Errorf("unknown log %q: choose from api, processor", of)
	}
	req := logs.Request{Filter: filter}
	if req.Since, err = duration("since", since); err != nil {
		return "", err
	}
	if req.Follow, err = duration("follow", follow); err != nil {
		return "", err
	}
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) {
		if err := out.Need(output); err != nil {
			return "", err
		}
		req.Group = out[output]
		return showLogs(ctx, c, req)
	})
}

func showLogs(ctx context.Context, c *cloud, req logs.Request) (string, error) {
	var lines []string
	_, err := logs.Follow(ctx, cloudwatchlogs.NewFromConfig(c.config), req, rollout.Env{}, func(line string) {
		if req.Follow > 0 {
			say("%s", line)
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

// duration reads an argument that is a time; empty is none.
func duration(argument, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s %q: give a time such as 30s, 10m or 2h", argument, text)
	}
	return d, nil
}
