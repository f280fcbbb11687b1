package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/lambda"

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
	// Lambda function to deploy to instead of the one that Terraform made, by name or ARN; with alias and one of zip, object and image.
	// +optional
	function string,
	// Alias that callers of the function use; it is made if it is not there.
	// +optional
	alias string,
	// Package to deploy.
	// +optional
	zip *dagger.File,
	// Package to deploy from a bucket in the function's region, s3://BUCKET/KEY, with ?versionId=ID if the bucket has versions.
	// +optional
	object string,
	// Image to deploy by digest, HOST/NAME@sha256:…, for a function of package type Image.
	// +optional
	image string,
	// Event that the new version is invoked with before it gets any traffic; it has to do no harm.
	// +optional
	payload string,
	// How often it is invoked, 0 to 100. By default once if there is a payload.
	// +optional
	invocations int,
	// How many published versions stay; older ones that no alias uses are deleted. 0 deletes none.
	// +default=0
	keep int,
	// How long it may take without the canary, such as 5m.
	// +optional
	timeout string,
	// Deploy to a named function without lock and without a list for rollback.
	// +optional
	noLock bool,
) (string, error) {
	return m.deployHalf(ctx, trigger.Lambda, publicKey, func(request *runRequest) error {
		var err error
		request.named = named{function: functionNames{function: function, alias: alias}, unlocked: noLock}
		if request.canary, err = newCanary(canary, bake, alarms, maxErrorRate); err != nil {
			return err
		}
		request.code, err = newFunctionCode(ctx, request.named.given(), functionArguments{
			zip: zip, object: object, image: image, payload: payload, invocations: invocations, keep: keep, timeout: timeout,
		})
		return err
	})
}

// functionArguments are how a caller says what to deploy to a function.
type functionArguments struct {
	zip                    *dagger.File
	object, image, payload string
	invocations, keep      int
	timeout                string
}

// functionCode is what to deploy to a function, and how it is tested.
type functionCode struct {
	zip         []byte
	object      lambda.Object
	image       string
	payload     []byte
	invocations int
	keep        int
	timeout     time.Duration
}

// newFunctionCode reads what the user gave for a function; named tells that it is
// not the one that Terraform made.
func newFunctionCode(ctx context.Context, named bool, given functionArguments) (functionCode, error) {
	code := functionCode{image: given.image, keep: given.keep}
	var err error
	if code.timeout, err = parseDuration("timeout", given.timeout); err != nil {
		return code, err
	}
	sources := 0
	for _, is := range []bool{given.zip != nil, given.object != "", given.image != ""} {
		if is {
			sources++
		}
	}
	switch {
	case !named && (sources > 0 || given.payload != "" || given.invocations != 0 || given.keep != 0):
		return code, errors.New("zip, object, image, payload, invocations and keep go with --function: without it the processor is deployed from this commit")
	case !named:
		return code, nil
	case sources != 1:
		return code, errors.New("give exactly one of --zip, --object and --image for what to deploy")
	case given.invocations < 0 || given.invocations > 100:
		return code, fmt.Errorf("invocations %d: give 0 to 100", given.invocations)
	case given.invocations > 0 && given.payload == "":
		return code, errors.New("--invocations is given without --payload: give the event to invoke the new version with, such as '{}'")
	case given.keep < 0:
		return code, fmt.Errorf("keep %d: give how many versions stay, or 0 to delete none", given.keep)
	}
	code.payload, code.invocations = []byte(given.payload), given.invocations
	if given.payload != "" && given.invocations == 0 {
		code.invocations = 1
	}
	if given.object != "" {
		code.object, err = parseObject(given.object)
		return code, err
	}
	if given.zip != nil {
		code.zip, err = readBinary(ctx, given.zip)
	}
	return code, err
}

// parseObject reads s3://BUCKET/KEY, with ?versionId=ID for one version.
func parseObject(address string) (lambda.Object, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || len(u.Path) < 2 {
		return lambda.Object{}, fmt.Errorf("object %q: give s3://BUCKET/KEY, with ?versionId=ID for one version", address)
	}
	return lambda.Object{Bucket: u.Host, Key: strings.TrimPrefix(u.Path, "/"), Version: u.Query().Get("versionId")}, nil
}

// readBinary reads a file that need not be text.
func readBinary(ctx context.Context, file *dagger.File) ([]byte, error) {
	dir, err := os.MkdirTemp("", "package")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := file.Export(ctx, filepath.Join(dir, "package"))
	if err != nil {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	return os.ReadFile(path)
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
		return canary{}, fmt.Errorf("bake %q: give a time such as 30s or 5m; for example --bake 5m", bake)
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
	// testEvent is what S3 sends when a notification is set up (Amazon S3 User Guide,
	// "Event message structure"); the processor answers it without doing anything.
	testEvent = `{"Service":"Amazon S3","Event":"s3:TestEvent"}`
	// keepVersions is how many published versions stay.
	keepVersions = 20
)

// on is the canary of a package in the deployer's terms.
func (n canary) on(c *cloud, code functionCode) lambda.Canary {
	return lambda.Canary{
		Invocations: code.invocations, Payload: code.payload, Weight: n.weight, Bake: n.bake,
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

func deployFunction(ctx context.Context, c *cloud, names functionNames, code functionCode, n canary) (lambda.Result, error) {
	return functions(c).Deploy(ctx, lambda.Request{
		Function: names.function,
		Alias:    names.alias,
		Zip:      code.zip,
		Object:   code.object,
		Image:    code.image,
		Canary:   n.on(c, code),
		Keep:     code.keep,
		Timeout:  code.timeout,
	})
}

// functionLine is one line about a deploy that succeeded.
func functionLine(r lambda.Result) string {
	if r.Outcome == rollout.Unchanged {
		return "verified: " + r.Reason
	}
	return fmt.Sprintf("version %s, alias %s %s", r.Version, r.Previous.Alias, r.Outcome)
}
