package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// unallocatedError is provisioned concurrency that Lambda could not allocate.
type unallocatedError struct{ alias, version, reason string }

// Error says of which version, and why.
func (e *unallocatedError) Error() string {
	return fmt.Sprintf("the provisioned concurrency of alias %s could not be allocated for version %s: %s", e.alias, e.version, e.reason)
}

// readProvisioned reads the alias's provisioned concurrency; nil if it has none. One
// that may not be read is reported and taken for none: the alias's own weights
// still show that it moves.
func (d *deployment) readProvisioned(ctx context.Context) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
	var out *lambda.GetProvisionedConcurrencyConfigOutput
	err := d.ask(ctx, func(ctx context.Context) (err error) {
		out, err = d.Lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
			FunctionName: aws.String(d.req.Function), Qualifier: aws.String(d.req.Alias),
		})
		return err
	})
	var answer *smithyhttp.ResponseError
	switch {
	case poll.IsCode(err, "ProvisionedConcurrencyConfigNotFoundException", "ResourceNotFoundException"):
		return nil, nil
	case errors.As(err, &answer) && (answer.HTTPStatusCode() == http.StatusNotFound || answer.HTTPStatusCode() == http.StatusNotImplemented):
		// An emulated AWS without this operation has no provisioned concurrency.
		return nil, nil
	case poll.IsCode(err, "AccessDeniedException", "AccessDenied"):
		d.Env.Reportf("%s: provisioned concurrency is not checked, it may not be read: %v", d.subject, err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the provisioned concurrency of alias %s: %w", d.req.Alias, err)
	}
	d.provisioned = true
	return out, nil
}

// quietAlias waits until an alias with provisioned concurrency does not move any
// more, and returns where it points. Lambda gives such an alias weights while it
// moves (hashicorp/terraform-provider-aws#48116).
func (d *deployment) quietAlias(ctx context.Context) (State, error) {
	for {
		p, err := d.readProvisioned(ctx)
		if err != nil {
			return State{}, err
		}
		before, err := d.current(ctx)
		switch {
		case err != nil || p == nil:
			return before, err
		case d.req.Canary.Bake > 0:
			return before, fmt.Errorf("alias %s has provisioned concurrency, and Lambda refuses shares of the traffic there: leave out the canary's bake, its test invocations stay possible", d.req.Alias)
		}
		d.unallocated = p.Status == types.ProvisionedConcurrencyStatusEnumFailed
		if d.unallocated || p.Status != types.ProvisionedConcurrencyStatusEnumInProgress && len(before.Weights) == 0 {
			return before, nil
		}
		if err := d.pause(ctx, fmt.Errorf("an earlier move of alias %s is under way (provisioned concurrency %s, weights %v)", d.req.Alias, p.Status, before.Weights)); err != nil {
			return before, err
		}
	}
}

// allocated reports whether the provisioned concurrency of an alias that was moved
// to a version is there. Without any it is.
func (d *deployment) allocated(ctx context.Context, version string) (bool, error) {
	if !d.provisioned {
		return true, nil
	}
	p, err := d.readProvisioned(ctx)
	switch {
	case err != nil:
		return false, err
	case p == nil || p.Status == types.ProvisionedConcurrencyStatusEnumReady:
		return true, nil
	case p.Status != types.ProvisionedConcurrencyStatusEnumFailed:
		return false, nil
	case d.unallocated:
		d.Env.Reportf("%s: the provisioned concurrency of alias %s is not allocated, as before: %s", d.subject, d.req.Alias, aws.ToString(p.StatusReason))
		return true, nil
	}
	return false, &unallocatedError{alias: d.req.Alias, version: version, reason: aws.ToString(p.StatusReason)}
}

var errMoving = errors.New("the alias still moves, while provisioned concurrency is allocated")
