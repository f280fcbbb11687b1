package main

import (
	"context"
	"fmt"
	"time"

	"dagger/sensor-backend/alarm"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// DeployLambda brings the processor's code to Lambda, publishes a version, proves it by an invocation and moves the alias to it. Code that is there already is not published again.
//
// +cache="never"
func (m *SensorBackend) DeployLambda(
	ctx context.Context,
	// Percentage of the traffic, 1 to 99, that the new version gets for the time of bake before it gets all. 0 moves it at once.
	// +default=0
	canary int,
	// How long a canary lasts, such as 5m.
	// +default="5m"
	bake string,
	// CloudWatch alarms that take a canary's traffic back when they ring.
	// +optional
	alarms []string,
) (string, error) {
	proof, err := newProof(canary, bake, alarms)
	if err != nil {
		return "", err
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	giveBack, err := m.turn(ctx, c)
	if err != nil {
		return "", exits(err)
	}
	defer giveBack()
	zip, err := m.processorZip(ctx)
	if err != nil {
		return "", err
	}
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	if err := m.recordRunning(ctx, c, out, ""); err != nil {
		return "", err
	}
	result, err := deployFunction(ctx, c, out, zip, proof)
	if err != nil {
		return "", exits(err)
	}
	ref, err := m.revision(ctx)
	if err != nil {
		return "", err
	}
	return functionLine(result), m.recordRunning(ctx, c, out, ref.Commit)
}

// proof is what a new version has to show before it gets all the traffic.
type proof struct {
	weight float64
	bake   time.Duration
	alarms []string
}

func newProof(percent int, bake string, alarms []string) (proof, error) {
	if percent == 0 {
		return proof{}, nil
	}
	if percent < 0 || percent > 99 {
		return proof{}, fmt.Errorf("canary %d: give a percentage from 1 to 99, or 0 for none", percent)
	}
	d, err := time.ParseDuration(bake)
	if err != nil || d <= 0 {
		return proof{}, fmt.Errorf("bake %q: give a time such as 30s or 5m", bake)
	}
	return proof{weight: float64(percent) / 100, bake: d, alarms: alarms}, nil
}

const (
	// noRecords is an event that the processor answers without doing anything.
	noRecords = `{"Records":[]}`
	// keepVersions is how many published versions stay.
	keepVersions = 20
)

// canary asks for the proof.
func (p proof) canary(c *cloud) rollout.Canary {
	return rollout.Canary{
		Invocations: 1, Payload: []byte(noRecords), Weight: p.weight, Bake: p.bake,
		Watch: func(ctx context.Context, _, _ string) (string, error) {
			return alarm.Ringing(ctx, cloudwatch.NewFromConfig(c.config), p.alarms)
		},
	}
}

func functions(c *cloud) rollout.Functions {
	return rollout.Functions{
		Lambda: lambda.NewFromConfig(c.config),
		Env:    rollout.Env{Progress: func(line string) { say("lambda: %s", line) }},
	}
}

func deployFunction(ctx context.Context, c *cloud, out tfrun.Outputs, zip lambdazip.Archive, p proof) (rollout.FunctionResult, error) {
	if err := out.Need("lambda_function", "lambda_alias"); err != nil {
		return rollout.FunctionResult{Outcome: rollout.NotStarted}, err
	}
	return functions(c).Deploy(ctx, rollout.FunctionRequest{
		Function: out["lambda_function"],
		Alias:    out["lambda_alias"],
		Zip:      zip.Zip,
		Canary:   p.canary(c),
		Keep:     keepVersions,
	})
}

// functionLine is one line about a deploy that succeeded.
func functionLine(r rollout.FunctionResult) string {
	return fmt.Sprintf("version %s, alias %s %s", r.Version, r.Previous.Alias, r.Outcome)
}
