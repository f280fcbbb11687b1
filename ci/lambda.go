package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// DeployLambda brings the processor's code to Lambda, publishes a version and moves the alias to it. Code that is there already is not published again.
//
// +cache="never"
func (m *SensorBackend) DeployLambda(ctx context.Context) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	zip, err := m.processorZip(ctx)
	if err != nil {
		return "", err
	}
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	result, err := deployFunction(ctx, c, out, zip)
	if err != nil {
		return "", err
	}
	return functionLine(result), nil
}

func functions(c *cloud) rollout.Functions {
	return rollout.Functions{
		Lambda: lambda.NewFromConfig(c.config),
		Env:    rollout.Env{Progress: func(line string) { say("lambda: %s", line) }},
	}
}

func deployFunction(ctx context.Context, c *cloud, out tfrun.Outputs, zip lambdazip.Archive) (rollout.FunctionResult, error) {
	if err := out.Need("lambda_function", "lambda_alias"); err != nil {
		return rollout.FunctionResult{Outcome: rollout.NotStarted}, err
	}
	return functions(c).Deploy(ctx, rollout.FunctionRequest{
		Function: out["lambda_function"],
		Alias:    out["lambda_alias"],
		Zip:      zip.Zip,
	})
}

// functionLine is one line about a deploy that succeeded.
func functionLine(r rollout.FunctionResult) string {
	return fmt.Sprintf("version %s, alias %s %s", r.Version, r.Previous.Alias, r.Outcome)
}
