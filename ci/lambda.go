package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/lambda"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// DeployLambda publishes the processor's code as a version, tests it and moves the alias to it.
//
// It is a run of the pipeline with one stage: it holds the deploy lock, saves a
// record, and ends with the run's table; the exit codes are those of deploy. The
// new version is invoked once before it gets any traffic. Code that is there
// already is not published again.
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
	// Public key that the package must be signed with; see verify-provenance. By default nothing is verified.
	// +optional
	publicKey *dagger.Secret,
) (string, error) {
	return m.deployHalf(ctx, trigger.Lambda, publicKey, func(request *runRequest) error {
		var err error
		request.canary, err = newCanary(canary, bake, alarms, maxErrorRate)
		return err
	})
}

// canary is what a new version has to show before it gets all the traffic.
type canary struct {
	weight float64
	bake   time.Duration
	alarms []string
	// maxErrorRate is the share of the invocations that may fail; 0 watches none.
	maxErrorRate float64
}

func newCanary(percent int, bake string, alarms []string, maxErrorPercent float64) (canary, error) {
	switch {
	case maxErrorPercent < 0 || maxErrorPercent >= 100:
		return canary{}, fmt.Errorf("max-error-rate %v: give a percentage from 0, for none watched, below 100", maxErrorPercent)
	case maxErrorPercent > 0 && percent == 0:
		return canary{}, fmt.Errorf("max-error-rate %v: it is watched in a canary; give --canary too", maxErrorPercent)
	case percent == 0:
		return canary{}, nil
	}
	if percent < 0 || percent > 99 {
		return canary{}, fmt.Errorf("canary %d: give a percentage from 1 to 99, or 0 for none", percent)
	}
	d, err := time.ParseDuration(bake)
	if err != nil || d <= 0 {
		return canary{}, fmt.Errorf("bake %q: give a time such as 30s or 5m", bake)
	}
	return canary{weight: float64(percent) / 100, bake: d, alarms: alarms, maxErrorRate: maxErrorPercent / 100}, nil
}

// supported refuses, before anything is changed, a canary that this AWS cannot
// watch.
func (n canary) supported(c *cloud) error {
	if n.maxErrorRate > 0 && c.emulator != nil {
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

// on is the canary in the deployer's terms.
func (n canary) on(c *cloud) lambda.Canary {
	return lambda.Canary{
		Invocations: 1, Payload: []byte(noRecords), Weight: n.weight, Bake: n.bake,
		Watch: func(ctx context.Context, _, _ string) (string, error) {
			return lambda.Ringing(ctx, cloudwatch.NewFromConfig(c.config), n.alarms)
		},
		MaxErrorRate: n.maxErrorRate, Metrics: cloudwatch.NewFromConfig(c.config),
	}
}

func functions(c *cloud) lambda.Functions {
	return lambda.Functions{
		Lambda: awslambda.NewFromConfig(c.config),
		Logs:   cloudwatchlogs.NewFromConfig(c.config),
		Env:    poll.Env{Progress: func(line string) { progress("lambda: %s", line) }},
	}
}

func deployFunction(ctx context.Context, c *cloud, out terraform.Outputs, zip lambdazip.Archive, n canary) (lambda.Result, error) {
	if err := out.Need("lambda_function", "lambda_alias"); err != nil {
		return lambda.Result{Outcome: rollout.NotStarted}, err
	}
	return functions(c).Deploy(ctx, lambda.Request{
		Function: out["lambda_function"],
		Alias:    out["lambda_alias"],
		Zip:      zip.Zip,
		Canary:   n.on(c),
		Keep:     keepVersions,
	})
}

// functionLine is one line about a deploy that succeeded.
func functionLine(r lambda.Result) string {
	return fmt.Sprintf("version %s, alias %s %s", r.Version, r.Previous.Alias, r.Outcome)
}
