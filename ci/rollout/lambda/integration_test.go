//go:build integration

package lambda

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// function is a function in the emulated AWS whose alias PROD names version 1,
// which runs the variant good-1.
type function struct {
	rollouttest.Narration
	name      string
	lambda    *lambda.Client
	functions Functions
}

func newFunction(t *testing.T) *function {
	t.Helper()
	cfg := rollouttest.Config(t)
	f := &function{name: rollouttest.Unique("rollout"), lambda: lambda.NewFromConfig(cfg)}
	f.functions = Functions{Lambda: f.lambda, Logs: cloudwatchlogs.NewFromConfig(cfg), Env: f.Env()}
	roles := iam.NewFromConfig(cfg)
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &f.name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`),
	})
	rollouttest.Must(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &f.name, PolicyName: aws.String("log"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`),
	})
	rollouttest.Must(t, err)
	_, err = f.lambda.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &f.name, Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &types.FunctionCode{ZipFile: packed(t, "good-1")}, Timeout: aws.Int32(10), Publish: true,
	})
	rollouttest.Must(t, err)
	t.Cleanup(func() {
		_, _ = f.lambda.DeleteFunction(context.WithoutCancel(t.Context()), &lambda.DeleteFunctionInput{FunctionName: &f.name})
	})
	_, err = f.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &f.name, Name: aws.String("PROD"), FunctionVersion: aws.String("1")})
	rollouttest.Must(t, err)
	return f
}

// packed is the zip of a variant.
func packed(t *testing.T, variant string) []byte {
	t.Helper()
	archive, err := lambdazip.Build(rollouttest.Build(t, "function", variant))
	rollouttest.Must(t, err)
	return archive.Zip
}

// proves asks of a new version what deploys of this project ask: that it answers
// an event with nothing in it, and then a share of the traffic.
func proves(bake time.Duration) Canary {
	return Canary{Invocations: 2, Payload: []byte(`{"Records":[]}`), Weight: 0.5, Bake: bake}
}

func (f *function) request(t *testing.T, variant string, canary Canary) Request {
	t.Helper()
	return Request{Function: f.name, Alias: "PROD", Zip: packed(t, variant), Canary: canary}
}

// deployed is deploy for what ends well.
func (f *function) deployed(t *testing.T, variant string, want rollout.Outcome, canary Canary) {
	t.Helper()
	if _, err := f.deploy(t, variant, want, canary); err != nil {
		t.Fatal(err)
	}
}

// deploy deploys a variant and checks the outcome, and that the alias sends all of
// its traffic where the outcome says.
func (f *function) deploy(t *testing.T, variant string, want rollout.Outcome, canary Canary) (Result, error) {
	t.Helper()
	f.Forget()
	start := time.Now()
	res, err := f.functions.Deploy(t.Context(), f.request(t, variant, canary))
	if res.Outcome != want || (err == nil) != want.OK() {
		t.Fatalf("%s: outcome %q, want %q: %v\n%s", variant, res.Outcome, want, err, f.Said())
	}
	t.Logf("%s: %s in %s", variant, res.Outcome, time.Since(start).Round(100*time.Millisecond))
	version := res.Previous.Version
	if want.OK() {
		version = res.Version
	}
	f.onlyServes(t, version)
	return res, err
}

// onlyServes checks that one version has all of the alias's traffic.
func (f *function) onlyServes(t *testing.T, version string) {
	t.Helper()
	now, err := f.functions.Current(t.Context(), f.name, "PROD")
	rollouttest.Must(t, err)
	if now.Version != version || len(now.Weights) > 0 {
		t.Errorf("the alias names version %s with weights %v, want %s and none", now.Version, now.Weights, version)
	}
	if _, served, failed := f.call(t.Context()); served != version || failed {
		t.Errorf("version %s served a request, failed %v, want version %s", served, failed, version)
	}
}

// call sends one event with something in it through the alias.
func (f *function) call(ctx context.Context) (answer, version string, failed bool) {
	out, err := f.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.name, Qualifier: aws.String("PROD"), Payload: []byte(`{"Records":[{}]}`)})
	if err != nil {
		return err.Error(), "", true
	}
	return string(out.Payload), aws.ToString(out.ExecutedVersion), out.FunctionError != nil
}

// tally counts a version's invocations under traffic, as CloudWatch does in a
// real account.
type tally struct {
	mu                  sync.Mutex
	invocations, errors map[string]float64
}

// traffic sends events through the alias until the test ends.
func (f *function) traffic(t *testing.T) *tally {
	t.Helper()
	n := &tally{invocations: map[string]float64{}, errors: map[string]float64{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, version, failed := f.call(ctx)
			n.mu.Lock()
			n.invocations[version]++
			if failed {
				n.errors[version]++
			}
			n.mu.Unlock()
			time.Sleep(200 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return n
}

func (n *tally) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		dimensions := q.MetricStat.Metric.Dimensions
		version := aws.ToString(dimensions[len(dimensions)-1].Value)
		value := n.invocations[version]
		if aws.ToString(q.MetricStat.Metric.MetricName) == "Errors" {
			value = n.errors[version]
		}
		out.MetricDataResults = append(out.MetricDataResults, cloudwatchtypes.MetricDataResult{Id: q.Id, Values: []float64{value}})
	}
	return out, nil
}

// TestEmulatedFunction deploys to a function in the emulated AWS, which really runs
// the zips: one flow after another.
func TestEmulatedFunction(t *testing.T) {
	t.Parallel()
	f := newFunction(t)
	t.Run("new code", func(t *testing.T) {
		res, _ := f.deploy(t, "good-2", rollout.Completed, proves(0))
		if !res.Uploaded || res.Version != "2" {
			t.Errorf("result %+v", res)
		}
	})
	t.Run("nothing to do", func(t *testing.T) { f.deployed(t, "good-2", rollout.Unchanged, proves(0)) })
	t.Run("canary that is well", func(t *testing.T) {
		canary := proves(6 * time.Second)
		canary.MaxErrorRate, canary.Metrics = 0.1, f.traffic(t)
		f.deployed(t, "good-3", rollout.Completed, canary)
		f.Shows(t, "invocation 2 of version 3 answered", "version 3 gets 50 % of the traffic for 6s", "alias PROD -> version 3")
	})
	t.Run("canary that panics at once", func(t *testing.T) {
		_, err := f.deploy(t, "panics", rollout.VerificationFailed, proves(time.Minute))
		for _, part := range []string{"invocation 1 of version 4 failed", "log: panic: no table on purpose", "alias PROD still names version 3"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
	})
	t.Run("canary that panics under traffic", func(t *testing.T) {
		canary := proves(time.Minute)
		canary.MaxErrorRate, canary.Metrics = 0.1, f.traffic(t)
		_, err := f.deploy(t, "brittle", rollout.RolledBack, canary)
		for _, part := range []string{"version 5 in the canary", "invocations failed", "log: panic: no table on purpose", "alias PROD names version 3, with all of the traffic"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
	})
	t.Run("slow start", func(t *testing.T) {
		f.deployed(t, "slow", rollout.Completed, proves(0))
	})
	t.Run("throttled", func(t *testing.T) {
		operations := []string{"GetAlias", "GetFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "Invoke", "UpdateAlias"}
		list := make([]string, 0, len(operations))
		for _, operation := range operations {
			list = append(list, fmt.Sprintf(`{"kind":"throttle","operation":"lambda:%s","times":4,"code":"TooManyRequestsException"}`, operation))
		}
		rollouttest.Faults(t, `{"faults":[`+strings.Join(list, ",")+`]}`)
		f.deployed(t, "good-4", rollout.Completed, proves(0))
	})
	t.Run("second deploy in the middle", func(t *testing.T) {
		f.Forget()
		long := f.request(t, "good-5", proves(5*time.Minute))
		first := make(chan error, 1)
		go func() {
			_, err := f.functions.Deploy(t.Context(), long)
			first <- err
		}()
		f.Awaits(t, "of the traffic for 5m0s")
		res, _ := f.deploy(t, "good-6", rollout.Completed, proves(0))
		if err := <-first; rollout.ExitCode(err) != rollout.Superseded.ExitCode() || !strings.Contains(err.Error(), "someone else moved alias PROD to version "+res.Version) {
			t.Errorf("the first ended as %v", err)
		}
		f.onlyServes(t, res.Version)
	})
	t.Run("canceled in the canary", func(t *testing.T) {
		before, err := f.functions.Current(t.Context(), f.name, "PROD")
		rollouttest.Must(t, err)
		f.Forget()
		request := f.request(t, "good-7", proves(5*time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := f.functions.Deploy(ctx, request)
			first <- err
		}()
		f.Awaits(t, "of the traffic for 5m0s")
		begin := time.Now()
		cancel()
		if err := <-first; rollout.ExitCode(err) != rollout.Canceled.ExitCode() || time.Since(begin) > 2*time.Second {
			t.Errorf("it ended after %s as %v", time.Since(begin), err)
		}
		f.onlyServes(t, before.Version)
	})
	t.Run("restored", func(t *testing.T) {
		before, err := f.functions.Current(t.Context(), f.name, "PROD")
		rollouttest.Must(t, err)
		f.deployed(t, "good-8", rollout.Completed, proves(0))
		if res, err := f.functions.Restore(t.Context(), before, 0); err != nil || res.Outcome != rollout.Completed {
			t.Errorf("%q, %v", res.Outcome, err)
		}
		f.onlyServes(t, before.Version)
	})
}
