package lambda

import (
	"context"
	"fmt"
	"maps"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// moveAlias points the alias at a version with the given weights, and reports
// whether that changed anything. before is what the alias was seen to name: a
// third version means that someone else moved it.
func (d *deployment) moveAlias(ctx context.Context, version string, w map[string]float64, before State) (bool, error) {
	for {
		a, err := d.alias(ctx, d.req.Function, d.req.Alias)
		if err != nil {
			return false, fmt.Errorf("read alias %s: %w", d.req.Alias, err)
		}
		switch {
		case a == nil:
			err = d.createAlias(ctx, version, w)
		case aws.ToString(a.FunctionVersion) == version && maps.Equal(weights(a.RoutingConfig), w):
			return false, nil
		case aws.ToString(a.FunctionVersion) != before.Version && aws.ToString(a.FunctionVersion) != version:
			return false, d.moved(a)
		default:
			err = d.updateAlias(ctx, a, version, w)
		}
		switch {
		case err == nil:
			return true, nil
		case busy(err), poll.Transient(err):
			if err := d.pause(ctx, err); err != nil {
				return false, err
			}
		default:
			return false, fmt.Errorf("point alias %s at version %s: %w", d.req.Alias, version, err)
		}
	}
}

func (d *deployment) createAlias(ctx context.Context, version string, w map[string]float64) error {
	_, err := d.Lambda.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias),
		FunctionVersion: aws.String(version), RoutingConfig: routing(w),
	})
	return err
}

func (d *deployment) updateAlias(ctx context.Context, a *lambda.GetAliasOutput, version string, w map[string]float64) error {
	out, err := d.Lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias),
		FunctionVersion: aws.String(version), RoutingConfig: routing(w), RevisionId: a.RevisionId,
	})
	if err != nil {
		return err
	}
	if got := aws.ToString(out.FunctionVersion); got != version || !maps.Equal(weights(out.RoutingConfig), w) {
		return fmt.Errorf("lambda answered with version %s and weights %v", got, weights(out.RoutingConfig))
	}
	return nil
}

// routing is never nil: an absent routing configuration leaves old weights in
// place, an empty one removes them.
func routing(w map[string]float64) *types.AliasRoutingConfiguration {
	c := &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	maps.Copy(c.AdditionalVersionWeights, w)
	return c
}

func weights(c *types.AliasRoutingConfiguration) map[string]float64 {
	if c == nil || len(c.AdditionalVersionWeights) == 0 {
		return nil
	}
	return maps.Clone(c.AdditionalVersionWeights)
}

// alias reads the alias; nil if there is none.
func (f Functions) alias(ctx context.Context, function, alias string) (*lambda.GetAliasOutput, error) {
	var out *lambda.GetAliasOutput
	err := f.Env.Retry(ctx, func() (err error) {
		out, err = f.Lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(function), Name: aws.String(alias)})
		return err
	})
	if poll.IsCode(err, "ResourceNotFoundException") {
		// The same answer stands for a missing function.
		if _, err := f.configuration(ctx, function, ""); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return out, err
}
