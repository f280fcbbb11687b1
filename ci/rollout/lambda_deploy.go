package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dagger/sensor-backend/lambdazip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// latestVersion is the qualifier of the unpublished code.
const latestVersion = "$LATEST"

// Current records where the alias points; a missing alias gives a state without
// a version.
func (f Functions) Current(ctx context.Context, function, alias string) (FunctionState, error) {
	st := FunctionState{Function: function, Alias: alias}
	a, err := f.alias(ctx, function, alias)
	if err != nil {
		return st, fmt.Errorf("read alias %s of lambda function %s: %w", alias, function, err)
	}
	if a == nil {
		return st, nil
	}
	st.Version, st.Weights = aws.ToString(a.FunctionVersion), weights(a.RoutingConfig)
	if c, err := f.configuration(ctx, function, st.Version); err == nil {
		st.CodeSHA256 = aws.ToString(c.CodeSha256)
	}
	return st, nil
}

// Deploy makes the alias name a version with exactly this package. It uploads
// the package unless the function has it, waits until Lambda says that the
// update was successful, publishes a version (Lambda gives the last one again
// if nothing changed), waits until that version is active, and moves the alias
// there with all of its traffic. Each change carries the revision or hash that
// was read before, so that a change made by someone else in between is noticed
// (Superseded) and never overwritten. The error is nil only for Completed and
// Unchanged; otherwise it is an *Error.
func (f Functions) Deploy(ctx context.Context, req FunctionRequest) (FunctionResult, error) {
	d := &functionDeploy{Functions: f, req: req, poll: f.Env.Poll(), subject: "lambda function " + req.Function}
	d.res.CodeSHA256 = lambdazip.CodeSHA256(req.Zip)
	if d.req.Timeout <= 0 {
		d.req.Timeout = DefaultFunctionTimeout
	}
	err := d.run(ctx)
	d.res.Elapsed = d.poll.Elapsed()
	return d.finish(ctx, err)
}

// Restore points the alias where it pointed when the state was recorded. A
// state without a version, from before the alias was made, is left alone and
// reported as Unchanged. The unpublished code stays as it is: callers come
// through the alias.
func (f Functions) Restore(ctx context.Context, to FunctionState, timeout time.Duration) (FunctionResult, error) {
	if to.Version == "" {
		return FunctionResult{
			Outcome: Unchanged, Previous: to,
			Reason: "the alias did not exist, so there is nothing to restore",
		}, nil
	}
	if timeout <= 0 {
		timeout = DefaultFunctionTimeout
	}
	d := &functionDeploy{
		Functions: f, poll: f.Env.Poll(), subject: "lambda function " + to.Function,
		req: FunctionRequest{Function: to.Function, Alias: to.Alias, Timeout: timeout},
	}
	err := d.restore(ctx, to)
	d.res.Elapsed = d.poll.Elapsed()
	return d.finish(ctx, err)
}

// functionDeploy is one deploy under way.
type functionDeploy struct {
	Functions
	req     FunctionRequest
	poll    *Poll
	subject string
	res     FunctionResult
	changed bool
}

// failureError is an error that decides the outcome.
type failureError struct {
	outcome Outcome
	reason  string
	next    string
}

// Error is the reason.
func (e *failureError) Error() string { return e.reason }

// finish turns what happened into result and error.
func (d *functionDeploy) finish(ctx context.Context, err error) (FunctionResult, error) {
	if err == nil {
		return d.res, nil
	}
	out := &Error{Subject: d.subject, Err: err}
	var fe *failureError
	switch {
	case errors.As(err, &fe):
		out.Outcome, out.Reason, out.Next, out.Err = fe.outcome, fe.reason, fe.next, nil
	case ctx.Err() != nil:
		out.Outcome = Canceled
		out.Next = "the alias was not moved; deploy again"
	case d.changed:
		out.Outcome = Lost
		out.Next = "the new code is uploaded, the alias still names the version before; deploy again"
	default:
		out.Outcome = NotStarted
	}
	d.res.Outcome, d.res.Reason = out.Outcome, orText(out.Reason, err.Error())
	return d.res, out
}

func (d *functionDeploy) run(ctx context.Context) error {
	if d.req.Function == "" || d.req.Alias == "" || len(d.req.Zip) == 0 {
		return errors.New("function, alias and zip must be given")
	}
	arch, err := architecture(d.req.Architecture)
	if err != nil {
		return err
	}
	before, err := d.Current(ctx, d.req.Function, d.req.Alias)
	if err != nil {
		return err
	}
	d.res.Previous, d.res.Version = before, before.Version
	config, err := d.upload(ctx, arch)
	if err != nil {
		return err
	}
	version, err := d.publish(ctx, config)
	if err != nil {
		return err
	}
	if err := d.waitVersion(ctx, version); err != nil {
		return err
	}
	moved, err := d.moveAlias(ctx, version, nil, before)
	if err != nil {
		return err
	}
	d.res.Version = version
	d.res.Outcome = Completed
	if !moved && !d.res.Uploaded {
		d.res.Outcome = Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s with this code already", d.req.Alias, version)
	}
	d.Env.say("%s: alias %s -> version %s (before: %s), %s", d.subject, d.req.Alias, version, orText(before.Version, "none"), d.res.Outcome)
	return nil
}

// upload makes $LATEST hold the package and returns its configuration once
// Lambda says that it is in effect.
func (d *functionDeploy) upload(ctx context.Context, arch []types.Architecture) (*lambda.GetFunctionConfigurationOutput, error) {
	var seen string
	for {
		config, err := d.waitQuiet(ctx)
		if err != nil {
			return nil, err
		}
		sha := aws.ToString(config.CodeSha256)
		if sha == d.res.CodeSHA256 && (len(arch) == 0 || slices.Equal(arch, config.Architectures)) {
			if d.res.Uploaded {
				return d.waitReady(ctx, "")
			}
			if r, _ := EvaluateFunction(config); r == Ready {
				d.Env.say("%s: has this code already (%s)", d.subject, sha)
				return config, nil
			}
			if config.LastUpdateStatus == "" {
				d.Env.say("%s: has this code already (%s); its status is not reported", d.subject, sha)
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
			d.Env.say("%s: uploaded %d bytes (%s)", d.subject, len(d.req.Zip), d.res.CodeSHA256)
			return d.waitReady(ctx, "")
		case busy(err), Transient(err):
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
	return isCode(err, "ResourceConflictException", "PreconditionFailedException")
}

// publish makes a version of the code. Lambda gives the last version again when
// neither code nor configuration changed since (API PublishVersion).
func (d *functionDeploy) publish(ctx context.Context, config *lambda.GetFunctionConfigurationOutput) (string, error) {
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
		case busy(err), Transient(err):
			if err := d.pause(ctx, err); err != nil {
				return "", err
			}
			if config, err = d.waitQuiet(ctx); err != nil {
				return "", err
			}
			if sha := aws.ToString(config.CodeSha256); sha != d.res.CodeSHA256 {
				return "", d.overtaken("someone else updated the function's code before it was published")
			}
		case isCode(err, "InvalidParameterValueException") && d.codeMoved(ctx):
			return "", d.overtaken("someone else updated the function's code before it was published")
		default:
			return "", fmt.Errorf("publish a version: %w", err)
		}
	}
}

// codeMoved reports whether the function's code is no longer ours.
func (d *functionDeploy) codeMoved(ctx context.Context) bool {
	c, err := d.configuration(ctx, d.req.Function, "")
	return err == nil && aws.ToString(c.CodeSha256) != d.res.CodeSHA256
}

// waitVersion waits until a published version can be called. Its own state
// counts, not that of $LATEST.
func (d *functionDeploy) waitVersion(ctx context.Context, version string) error {
	_, err := d.waitReady(ctx, version)
	return err
}

// moveAlias points the alias at a version with the given weights, and reports
// whether that changed anything. before is what the alias was seen to name: a
// third version means that someone else moved it.
func (d *functionDeploy) moveAlias(ctx context.Context, version string, w map[string]float64, before FunctionState) (bool, error) {
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
			return false, d.overtaken(fmt.Sprintf("someone else moved alias %s to version %s", d.req.Alias, aws.ToString(a.FunctionVersion)))
		default:
			err = d.updateAlias(ctx, a, version, w)
		}
		switch {
		case err == nil:
			return true, nil
		case busy(err), Transient(err):
			if err := d.pause(ctx, err); err != nil {
				return false, err
			}
		default:
			return false, fmt.Errorf("point alias %s at version %s: %w", d.req.Alias, version, err)
		}
	}
}

func (d *functionDeploy) createAlias(ctx context.Context, version string, w map[string]float64) error {
	_, err := d.Lambda.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias),
		FunctionVersion: aws.String(version), RoutingConfig: routing(w),
	})
	return err
}

func (d *functionDeploy) updateAlias(ctx context.Context, a *lambda.GetAliasOutput, version string, w map[string]float64) error {
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

// restore moves the alias back.
func (d *functionDeploy) restore(ctx context.Context, to FunctionState) error {
	now, err := d.Current(ctx, to.Function, to.Alias)
	if err != nil {
		return err
	}
	d.res.Previous = now
	moved, err := d.moveAlias(ctx, to.Version, to.Weights, now)
	if err != nil {
		return err
	}
	d.res.Version, d.res.CodeSHA256 = to.Version, to.CodeSHA256
	d.res.Outcome = Completed
	if !moved {
		d.res.Outcome = Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s already", to.Alias, to.Version)
	}
	d.Env.say("%s: alias %s back at version %s", d.subject, to.Alias, to.Version)
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
	err := f.Env.retry(ctx, func() (err error) {
		out, err = f.Lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(function), Name: aws.String(alias)})
		return err
	})
	if isCode(err, "ResourceNotFoundException") {
		// The same answer stands for a missing function.
		if _, err := f.configuration(ctx, function, ""); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return out, err
}

// configuration reads the function's configuration, of a version or, with an
// empty one, of the unpublished code.
func (f Functions) configuration(ctx context.Context, function, version string) (*lambda.GetFunctionConfigurationOutput, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(function)}
	if version != "" {
		in.Qualifier = aws.String(version)
	}
	var out *lambda.GetFunctionConfigurationOutput
	err := f.Env.retry(ctx, func() (err error) {
		out, err = f.Lambda.GetFunctionConfiguration(ctx, in)
		return err
	})
	if isCode(err, "ResourceNotFoundException") && version == "" {
		return nil, fmt.Errorf("it does not exist; run apply first, it makes the function: %w", err)
	}
	return out, err
}

// waitQuiet waits until nothing is under way on the unpublished code.
func (d *functionDeploy) waitQuiet(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, error) {
	for {
		c, err := d.configuration(ctx, d.req.Function, "")
		if err != nil {
			return nil, err
		}
		if quiet(c) {
			return c, nil
		}
		_, why := EvaluateFunction(c)
		if err := d.pause(ctx, errors.New(why)); err != nil {
			return nil, err
		}
	}
}

// waitReady waits until the update or the version is in effect, and fails at
// once when Lambda says that it failed.
func (d *functionDeploy) waitReady(ctx context.Context, version string) (*lambda.GetFunctionConfigurationOutput, error) {
	what := orText(version, latestVersion)
	for {
		c, err := d.configuration(ctx, d.req.Function, version)
		if err != nil {
			return nil, fmt.Errorf("read version %s: %w", what, err)
		}
		readiness, why := EvaluateFunction(c)
		switch {
		case readiness == Broken:
			return nil, &failureError{outcome: Failed, reason: fmt.Sprintf("version %s: %s", what, why), next: d.unmoved()}
		case readiness == Ready && aws.ToString(c.CodeSha256) != d.res.CodeSHA256:
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
func (d *functionDeploy) pause(ctx context.Context, why error) error {
	if d.poll.Elapsed() >= d.req.Timeout {
		return &failureError{
			outcome: TimedOut,
			reason:  fmt.Sprintf("no end after %s: %v", d.req.Timeout, why),
			next:    d.unmoved(),
		}
	}
	return d.poll.Wait(ctx)
}

func (d *functionDeploy) overtaken(reason string) error {
	return &failureError{outcome: Superseded, reason: reason, next: "see who else deploys, then deploy again"}
}

func (d *functionDeploy) unmoved() string {
	return fmt.Sprintf("alias %s still names version %s", d.req.Alias, orText(d.res.Previous.Version, "none"))
}
