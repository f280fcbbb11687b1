package lambda

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (s lambdaScenario) peers() []rollouttest.Peer {
	return []rollouttest.Peer{
		{Name: "SDK waiter", Runs: 20, Judge: s.judge(
			func(ctx context.Context, f *fakeLambda, in *lambda.GetFunctionConfigurationInput) error {
				return lambda.NewFunctionUpdatedWaiter(f).Wait(ctx, in, 30*time.Minute)
			},
			func(ctx context.Context, f *fakeLambda, in *lambda.GetFunctionConfigurationInput) error {
				return lambda.NewPublishedVersionActiveWaiter(f).Wait(ctx, in, 30*time.Minute)
			},
		)},
		{Name: "CLI waiter", Runs: 1, Judge: s.judge(updatedCLI, activeCLI)},
	}
}

type waitLambda = func(context.Context, *fakeLambda, *lambda.GetFunctionConfigurationInput) error

// judge plays the same script with waiters after the update and after the
// publishing, the usual way to do it.
func (s lambdaScenario) judge(updated, active waitLambda) func(*testing.T) (rollouttest.Verdict, bool) {
	return func(t *testing.T) (v rollouttest.Verdict, applies bool) {
		if !s.sdk {
			return v, false
		}
		synctest.Test(t, func(t *testing.T) {
			f := newFakeLambda(zipped(t, "old"))
			if s.arrange != nil {
				s.arrange(f)
			}
			ctx, in := t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("processor")}
			start := time.Now()
			_, err := f.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{ZipFile: zipped(t, "new")})
			if err == nil {
				err = updated(ctx, f, in)
			}
			if err == nil {
				out, perr := f.PublishVersion(ctx, &lambda.PublishVersionInput{})
				if err = perr; err == nil {
					in.Qualifier = out.Version
					err = active(ctx, f, in)
				}
			}
			v = rollouttest.Verdict{OK: err == nil, Seconds: time.Since(start).Seconds()}
		})
		return v, true
	}
}

// updatedCLI is what "aws lambda wait function-updated" does: botocore's waiter
// FunctionUpdated (data/lambda/2015-03-31/waiters-2.json), 60 times every 5 seconds.
func updatedCLI(ctx context.Context, f *fakeLambda, in *lambda.GetFunctionConfigurationInput) error {
	return waitCLI(ctx, 60, f, in, func(out *lambda.GetFunctionConfigurationOutput) (done, failed bool) {
		return out.LastUpdateStatus == types.LastUpdateStatusSuccessful, out.LastUpdateStatus == types.LastUpdateStatusFailed
	})
}

// activeCLI is "aws lambda wait published-version-active": botocore's
// PublishedVersionActive, 312 times every 5 seconds.
func activeCLI(ctx context.Context, f *fakeLambda, in *lambda.GetFunctionConfigurationInput) error {
	return waitCLI(ctx, 312, f, in, func(out *lambda.GetFunctionConfigurationOutput) (done, failed bool) {
		return out.State == types.StateActive, out.State == types.StateFailed
	})
}

func waitCLI(ctx context.Context, attempts int, f *fakeLambda, in *lambda.GetFunctionConfigurationInput, is func(*lambda.GetFunctionConfigurationOutput) (done, failed bool)) error {
	for n := range attempts {
		if n > 0 {
			time.Sleep(5 * time.Second)
		}
		out, err := f.GetFunctionConfiguration(ctx, in)
		if err != nil {
			return err
		}
		switch done, failed := is(out); {
		case failed:
			return errors.New("terminal failure state")
		case done:
			return nil
		}
	}
	return errors.New("max attempts exceeded")
}
