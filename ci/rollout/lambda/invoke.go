package lambda

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	// startLimit is what an invocation may take beside the function's own time
	// limit: a cold start, with an image or a network to prepare.
	startLimit = time.Minute
	// maxInvocations is how often one test invocation is tried.
	maxInvocations = 3
	// maxThrottled is how often an invocation may be throttled in a row: reserved
	// concurrency of 0 does not pass.
	maxThrottled = 15
	// invocationPause is the pause after an invocation whose failure may pass.
	invocationPause = 15 * time.Second
)

// invoke calls the version itself once, not through the alias. What passes by
// itself is tried again: a function that wakes up from the state Inactive, and an
// error that a role gives in its first minute.
func (d *deployment) invoke(ctx context.Context, version string, n int) error {
	unanswered, failed, throttled := 0, 0, 0
	for {
		begin := time.Now()
		out, err := d.invokeOnce(ctx, version)
		if err == nil && aws.ToString(out.FunctionError) == "" {
			d.Env.Reportf("%s: invocation %d of version %s answered in %s", d.subject, n, version, time.Since(begin).Round(time.Millisecond))
			return nil
		}
		switch {
		case err == nil:
			reason := fmt.Sprintf("invocation %d of version %s failed (%s): %s", n, version, *out.FunctionError, strings.TrimSpace(string(out.Payload)))
			reason += logTail(aws.ToString(out.LogResult))
			if failed++; failed == maxInvocations || !passing(reason) {
				return d.unfit(reason)
			}
			d.Env.Reportf("%s: %s; trying again, it may pass", d.subject, reason)
			if err := d.pause(ctx, fmt.Errorf("%s", reason)); err != nil {
				return err
			}
			if err := sleep(ctx, invocationPause); err != nil {
				return err
			}
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case poll.Uncertain(err):
			if unanswered++; unanswered == maxInvocations {
				return d.unfit(fmt.Sprintf("invocation %d of version %s got no answer, %d times: %v", n, version, unanswered, err))
			}
		case poll.Throttled(err):
			if throttled++; throttled == maxThrottled {
				return &failureError{
					outcome: rollout.Failed, reason: fmt.Sprintf("invocation %d of version %s was throttled %d times: %v", n, version, throttled, err),
					next: d.unmoved() + "; look at the function's reserved concurrency and at the account's, then deploy again",
				}
			}
		case !waking(err):
			return fmt.Errorf("invoke version %s: %w", version, err)
		}
		if err := d.pause(ctx, fmt.Errorf("invoke version %s: %w", version, err)); err != nil {
			return err
		}
	}
}

// invokeOnce makes one call, which ends when the function has to have ended.
func (d *deployment) invokeOnce(ctx context.Context, version string) (*lambda.InvokeOutput, error) {
	limit := d.invocationLimit + startLimit
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := d.Lambda.Invoke(limited, &lambda.InvokeInput{
		FunctionName: aws.String(d.req.Function), Qualifier: aws.String(version),
		InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeTail, Payload: d.req.Canary.Payload,
	}, once)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, &poll.TimeoutError{After: limit}
	}
	return out, err
}

// unfit is a version that failed its test.
func (d *deployment) unfit(reason string) error {
	return &failureError{outcome: rollout.VerificationFailed, reason: reason, next: d.unmoved() + "; mend the code and deploy again"}
}

// waking reports refusals of a function that is being prepared: the first call of
// one in the state Inactive fails and starts it (AWS Lambda Developer Guide,
// "Lambda function states").
func waking(err error) bool {
	return poll.IsCode(err, "ResourceConflictException", "ResourceNotReadyException", "SnapStartNotReadyException",
		"EC2ThrottledException", "ENINotReadyException")
}

// passing reports whether a function's error is of a kind that goes away by itself,
// such as rights that a new role does not have yet.
func passing(reason string) bool {
	reason = strings.ToLower(reason)
	for _, sign := range []string{"accessdenied", "access denied", "not authorized", "i/o timeout", "connection refused", "connection reset", "throttl", "temporarily"} {
		if strings.Contains(reason, sign) {
			return true
		}
	}
	return false
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
