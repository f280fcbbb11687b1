package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// upload makes $LATEST hold the package and returns its configuration once
// Lambda says that it is in effect.
func (d *deployment) upload(ctx context.Context, arch []types.Architecture) (*lambda.GetFunctionConfigurationOutput, error) {
	var seen string
	for {
		config, err := d.waitQuiet(ctx)
		if err != nil {
			return nil, err
		}
		sha := aws.ToString(config.CodeSha256)
		if sha == d.res.CodeSHA256 && (len(arch) == 0 || slices.Equal(arch, config.Architectures)) {
			if d.res.Uploaded {
				return d.waitReady(ctx, "", sha)
			}
			if r, _ := Evaluate(config); r == Ready {
				d.Env.Reportf("%s: has this code already (%s)", d.subject, sha)
				return config, nil
			}
			if config.LastUpdateStatus == "" {
				d.Env.Reportf("%s: has this code already (%s); its status is not reported", d.subject, sha)
				return config, nil
			}
		}
		if d.res.Uploaded || seen != "" && sha != seen {
			return nil, d.overtaken("someone else updated the function's code meanwhile")
		}
		seen = sha
		_, err = d.Lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName:  aws.String(d.req.Function),
			ZipFile:       d.req.Zip,
			Architectures: arch,
			RevisionId:    config.RevisionId,
		})
		switch {
		case err == nil:
			d.res.Uploaded, d.changed = true, true
			d.Env.Reportf("%s: uploaded %d bytes (%s)", d.subject, len(d.req.Zip), d.res.CodeSHA256)
			return d.waitReady(ctx, "", d.res.CodeSHA256)
		case busy(err), poll.Transient(err):
			// Read again what is there: the update may have been accepted, or
			// only the configuration may have changed.
			if err := d.pause(ctx, err); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("update the code: %w", err)
		}
	}
}

// busy reports refusals that come from a change under way or just made:
// ResourceConflictException and, for a revision that is no longer the newest,
// PreconditionFailedException.
func busy(err error) bool {
	return poll.IsCode(err, "ResourceConflictException", "PreconditionFailedException")
}

// publish makes a version of the code. Lambda gives the last version again when
// neither code nor configuration changed since (API PublishVersion).
func (d *deployment) publish(ctx context.Context, config *lambda.GetFunctionConfigurationOutput) (string, error) {
	for {
		out, err := d.Lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
			FunctionName: aws.String(d.req.Function),
			CodeSha256:   aws.String(d.res.CodeSHA256),
			RevisionId:   config.RevisionId,
		})
		switch {
		case err == nil:
			version := aws.ToString(out.Version)
			if version == "" || version == latestVersion {
				return "", fmt.Errorf("publish a version: lambda answered with version %q", version)
			}
			if sha := aws.ToString(out.CodeSha256); sha != d.res.CodeSHA256 {
				return "", d.overtaken(fmt.Sprintf("version %s holds other code (%s)", version, sha))
			}
			return version, nil
		case busy(err), poll.Transient(err):
			if err := d.pause(ctx, err); err != nil {
				return "", err
			}
			if config, err = d.waitQuiet(ctx); err != nil {
				return "", err
			}
			if sha := aws.ToString(config.CodeSha256); sha != d.res.CodeSHA256 {
				return "", d.overtaken("someone else updated the function's code before it was published")
			}
		case poll.IsCode(err, "InvalidParameterValueException") && d.codeMoved(ctx):
			return "", d.overtaken("someone else updated the function's code before it was published")
		default:
			return "", fmt.Errorf("publish a version: %w", err)
		}
	}
}

// codeMoved reports whether the function's code is no longer ours.
func (d *deployment) codeMoved(ctx context.Context) bool {
	c, err := d.configuration(ctx, d.req.Function, "")
	return err == nil && aws.ToString(c.CodeSha256) != d.res.CodeSHA256
}

// waitVersion waits until a published version can be called. Its own state
// counts, not that of $LATEST.
func (d *deployment) waitVersion(ctx context.Context, version string) error {
	_, err := d.waitReady(ctx, version, d.res.CodeSHA256)
	return err
}

// configuration reads the function's configuration, of a version or, with an
// empty one, of the unpublished code.
func (f Functions) configuration(ctx context.Context, function, version string) (*lambda.GetFunctionConfigurationOutput, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(function)}
	if version != "" {
		in.Qualifier = aws.String(version)
	}
	var out *lambda.GetFunctionConfigurationOutput
	err := f.Env.Retry(ctx, func() (err error) {
		out, err = f.Lambda.GetFunctionConfiguration(ctx, in)
		return err
	})
	if poll.IsCode(err, "ResourceNotFoundException") && version == "" {
		return nil, fmt.Errorf("it does not exist; run apply first, it makes the function: %w", err)
	}
	return out, err
}

// waitQuiet waits until nothing is under way on the unpublished code.
func (d *deployment) waitQuiet(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, error) {
	for {
		c, err := d.configuration(ctx, d.req.Function, "")
		if err != nil {
			return nil, err
		}
		if quiet(c) {
			return c, nil
		}
		_, why := Evaluate(c)
		if err := d.pause(ctx, errors.New(why)); err != nil {
			return nil, err
		}
	}
}

// waitReady waits until the update or the version is in effect, and fails at
// once when Lambda says that it failed. The code must be the one that hash
// names; an empty hash is any.
func (d *deployment) waitReady(ctx context.Context, version, hash string) (*lambda.GetFunctionConfigurationOutput, error) {
	what := cmp.Or(version, latestVersion)
	for {
		c, err := d.configuration(ctx, d.req.Function, version)
		if err != nil {
			return nil, fmt.Errorf("read version %s: %w", what, err)
		}
		readiness, why := Evaluate(c)
		switch {
		case readiness == Broken:
			return nil, d.broken(what, why)
		case readiness == Ready && hash != "" && aws.ToString(c.CodeSha256) != hash:
			return nil, d.overtaken(fmt.Sprintf("version %s holds other code (%s)", what, aws.ToString(c.CodeSha256)))
		case readiness == Ready:
			return c, nil
		}
		if err := d.pause(ctx, fmt.Errorf("version %s: %s", what, why)); err != nil {
			return nil, err
		}
	}
}

// pause waits before the next try, or ends the deploy when the time is up.
func (d *deployment) pause(ctx context.Context, why error) error {
	if d.poll.Elapsed() >= d.req.Timeout {
		return &failureError{
			outcome: rollout.TimedOut,
			reason:  fmt.Sprintf("no end after %s: %v", d.req.Timeout, why),
			next:    d.unmoved(),
		}
	}
	return d.poll.Wait(ctx)
}
