package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/alarm"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
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
	// Percentage of a canary's invocations, below 100, that may fail; more take its traffic back. 0 watches none. The emulated AWS keeps no metrics to watch.
	// +default=0
	maxErrorRate float64,
) (string, error) {
	proof, err := newProof(canary, bake, alarms, maxErrorRate)
	if err != nil {
		return "", err
	}
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if err := proof.possible(c); err != nil {
		return "", err
	}
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
	if _, err := m.recordRunning(ctx, c, out, ""); err != nil {
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
	_, err = m.recordRunning(ctx, c, out, ref.Commit)
	return functionLine(result), err
}

// proof is what a new version has to show before it gets all the traffic.
type proof struct {
	weight float64
	bake   time.Duration
	alarms []string
	// maxErrorRate is the share of the invocations that may fail; 0 watches none.
	maxErrorRate float64
}

func newProof(percent int, bake string, alarms []string, maxErrorPercent float64) (proof, error) {
	switch {
	case maxErrorPercent < 0 || maxErrorPercent >= 100:
		return proof{}, fmt.Errorf("max-error-rate %v: give a percentage from 0, for none watched, below 100", maxErrorPercent)
	case maxErrorPercent > 0 && percent == 0:
		return proof{}, fmt.Errorf("max-error-rate %v: it is watched in a canary; give --canary too", maxErrorPercent)
	case percent == 0:
		return proof{}, nil
	}
	if percent < 0 || percent > 99 {
		return proof{}, fmt.Errorf("canary %d: give a percentage from 1 to 99, or 0 for none", percent)
	}
	d, err := time.ParseDuration(bake)
	if err != nil || d <= 0 {
		return proof{}, fmt.Errorf("bake %q: give a time such as 30s or 5m", bake)
	}
	return proof{weight: float64(percent) / 100, bake: d, alarms: alarms, maxErrorRate: maxErrorPercent / 100}, nil
}

// possible refuses, before anything is changed, a proof that this AWS cannot
// give.
func (p proof) possible(c *cloud) error {
	if p.maxErrorRate > 0 && c.emulator != nil {
		return errors.New("the emulated AWS keeps no metrics, so no error rate can be watched: leave out --max-error-rate")
	}
	return nil
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
		MaxErrorRate: p.maxErrorRate, Metrics: cloudwatch.NewFromConfig(c.config),
	}
}

func functions(c *cloud) rollout.Functions {
	return rollout.Functions{
		Lambda: lambda.NewFromConfig(c.config),
		Logs:   cloudwatchlogs.NewFromConfig(c.config),
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
