package ecs

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What others judge a deployment by.
const (
	sdkWaiter = "SDK waiter"
	cliWaiter = "CLI waiter"
	ecspresso = "ecspresso"
)

func (s ecsScenario) peers() []rollouttest.Peer {
	return []rollouttest.Peer{
		{Name: sdkWaiter, Runs: 20, Judge: s.judge(waitSDK)},
		{Name: cliWaiter, Runs: 1, Judge: s.judge(waitCLI)},
		{Name: ecspresso, Runs: 1, Judge: s.judge(waitEcspresso)},
	}
}

// judge plays the script, and lets wait judge it after one register and one update.
func (s ecsScenario) judge(wait func(context.Context, patient, string) error) func(*testing.T) (rollouttest.Verdict, bool) {
	return func(t *testing.T) (v rollouttest.Verdict, applies bool) {
		if s.unwaited || s.image == oldDigest || s.verify != nil || s.cancelAt > 0 {
			return v, false
		}
		synctest.Test(t, func(t *testing.T) {
			f := newFakeECS()
			if s.arrange != nil {
				s.arrange(f)
			}
			clear(f.hang)
			td := f.latest
			if f.defs[td].ContainerDefinitions[0].Image == nil || *f.defs[td].ContainerDefinitions[0].Image != newDigest {
				td = f.define(newDigest)
			}
			if _, err := f.UpdateService(t.Context(), &ecs.UpdateServiceInput{TaskDefinition: &td}); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			err := wait(t.Context(), patient{f}, td)
			v = rollouttest.Verdict{OK: err == nil, Seconds: time.Since(start).Seconds()}
		})
		return v, true
	}
}

// patient tries each call three times, as the SDK and the AWS CLI do (retry mode
// standard).
type patient struct{ *fakeECS }

func thrice[O any](ctx context.Context, call func() (*O, error)) (out *O, err error) {
	for range 3 {
		if out, err = call(); err == nil || !poll.Transient(err) || ctx.Err() != nil {
			return out, err
		}
		time.Sleep(time.Second)
	}
	return out, err
}

func (p patient) DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput, options ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	return thrice(ctx, func() (*ecs.DescribeServicesOutput, error) { return p.fakeECS.DescribeServices(ctx, in, options...) })
}

func (p patient) ListServiceDeployments(ctx context.Context, in *ecs.ListServiceDeploymentsInput, options ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	return thrice(ctx, func() (*ecs.ListServiceDeploymentsOutput, error) {
		return p.fakeECS.ListServiceDeployments(ctx, in, options...)
	})
}

func (p patient) DescribeServiceDeployments(ctx context.Context, in *ecs.DescribeServiceDeploymentsInput, options ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	return thrice(ctx, func() (*ecs.DescribeServiceDeploymentsOutput, error) {
		return p.fakeECS.DescribeServiceDeployments(ctx, in, options...)
	})
}

func describe() *ecs.DescribeServicesInput {
	return &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"api"}}
}

// waitSDK is aws-sdk-go-v2's own waiter with its defaults.
func waitSDK(ctx context.Context, f patient, _ string) error {
	return ecs.NewServicesStableWaiter(f).Wait(ctx, describe(), 30*time.Minute)
}

// waitCLI is what "aws ecs wait services-stable" does: botocore's waiter
// ServicesStable (data/ecs/2014-11-13/waiters-2.json), which asks 40 times, every
// 15 seconds. The tests of the emulated AWS run the real one.
func waitCLI(ctx context.Context, f patient, _ string) error {
	const attempts, delay = 40, 15 * time.Second
	for n := range attempts {
		if n > 0 {
			time.Sleep(delay)
		}
		out, err := f.DescribeServices(ctx, describe())
		if err != nil {
			return err
		}
		if slices.ContainsFunc(out.Failures, func(f types.Failure) bool { return aws.ToString(f.Reason) == "MISSING" }) {
			return errors.New("the service is missing")
		}
		stable := true
		for _, service := range out.Services {
			if status := aws.ToString(service.Status); status == "DRAINING" || status == "INACTIVE" {
				return errors.New("the service is being deleted")
			}
			stable = stable && len(service.Deployments) == 1 && service.RunningCount == service.DesiredCount
		}
		if stable {
			return nil
		}
	}
	return errors.New("max attempts exceeded")
}

// waitEcspresso is ecspresso's --wait-until=deployed as far as its rules are
// stated in its issues (945, 961) and were read in its source: for 10 seconds it
// searches for a deployment in progress that is newer than its own start, and
// takes none for success; then it asks for that one until it has ended, and
// compares what the service is set to with the task definition that it deployed.
func waitEcspresso(ctx context.Context, f patient, definition string) error {
	const searching, pause, limit = 10 * time.Second, 10 * time.Second, 30 * time.Minute
	start := time.Now()
	arn := ""
	for arn == "" && time.Since(start) < searching {
		out, err := f.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("api")})
		if err != nil {
			return err
		}
		for _, d := range out.ServiceDeployments {
			if d.Status == types.ServiceDeploymentStatusInProgress && !aws.ToTime(d.CreatedAt).Before(start) {
				arn = aws.ToString(d.ServiceDeploymentArn)
			}
		}
		if arn == "" {
			time.Sleep(time.Second)
		}
	}
	if arn == "" {
		return nil
	}
	for time.Since(start) < limit {
		out, err := f.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
		if err != nil {
			return err
		}
		if len(out.ServiceDeployments) == 0 {
			return errors.New("the service deployment is missing")
		}
		switch out.ServiceDeployments[0].Status {
		case types.ServiceDeploymentStatusSuccessful:
			now, err := f.DescribeServices(ctx, describe())
			if err != nil {
				return err
			}
			if len(now.Services) == 0 || aws.ToString(now.Services[0].TaskDefinition) != definition {
				return errors.New("the service is set to another task definition")
			}
			return nil
		case types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
			return errors.New("the service deployment ended otherwise")
		}
		time.Sleep(pause)
	}
	return errors.New("no end in time")
}
