package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// upload makes $LATEST hold the code and returns its configuration once
// Lambda says that it is in effect.
func (d *deployment) upload(ctx context.Context, code source) (*lambda.GetFunctionConfigurationOutput, error) {
	d.res.CodeSHA256 = code.hash
	var seen string
	sent := false
	for {
		config, err := d.waitQuiet(ctx)
		if err != nil {
			return nil, err
		}
		if err := code.fits(d.req.Function, config); err != nil {
			return nil, err
		}
		d.invocationLimit = time.Duration(aws.ToInt32(config.Timeout)) * time.Second
		sha := aws.ToString(config.CodeSha256)
		switch r, _ := Evaluate(config); {
		case sha == code.hash && sent:
			// The answer was lost, the upload was not.
			d.uploaded(code)
			return d.waitReady(ctx, "", sha)
		case sha == code.hash && (r == Ready || config.LastUpdateStatus == ""):
			d.Env.Reportf("%s: has this code already (%s)", d.subject, sha)
			return config, nil
		case seen != "" && sha != seen && (!sent || code.hash != ""):
			return nil, d.superseded("someone else updated the function's code meanwhile")
		}
		seen = sha
		d.before, d.revision = sha, aws.ToString(config.RevisionId)
		in := &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(d.req.Function), RevisionId: config.RevisionId}
		code.fill(in)
		var out *lambda.UpdateFunctionCodeOutput
		limit := changeLimit + time.Duration(len(d.req.Zip)/uploadRate)*time.Second
		err = d.change(ctx, limit, func(ctx context.Context) (err error) {
			out, err = d.Lambda.UpdateFunctionCode(ctx, in, once)
			return err
		})
		sent = sent || unknown(err)
		switch {
		case err == nil:
			return d.accepted(ctx, code, out)
		case busy(err), poll.Transient(err):
			// Read again what is there: the update may have been accepted, or
			// only the configuration may have changed.
			if err := d.pause(ctx, err); err != nil {
				return nil, d.maybe(sent, "code perhaps uploaded", err)
			}
		default:
			return nil, d.maybe(sent, "code perhaps uploaded", fmt.Errorf("update the code: %w", err))
		}
	}
}

// accepted waits for an update that Lambda took. Code of which the hash was not
// known may be what the function had.
func (d *deployment) accepted(ctx context.Context, code source, out *lambda.UpdateFunctionCodeOutput) (*lambda.GetFunctionConfigurationOutput, error) {
	d.res.CodeSHA256 = cmp.Or(aws.ToString(out.CodeSha256), code.hash)
	if aws.ToString(out.RevisionId) == d.revision {
		d.revision = ""
	}
	if d.res.CodeSHA256 == d.before {
		d.Env.Reportf("%s: has the code of %s already (%s)", d.subject, code.name, d.before)
		d.uploadedAt = time.Now()
	} else {
		d.uploaded(code)
	}
	return d.waitReady(ctx, "", d.res.CodeSHA256)
}

// uploaded notes that Lambda took the code.
func (d *deployment) uploaded(code source) {
	d.res.Uploaded, d.uploadedAt, d.pace = true, time.Now(), d.Env.Start()
	d.changes.Add("code uploaded")
	d.Env.Reportf("%s: uploaded %s (%s)", d.subject, code.name, d.res.CodeSHA256)
}

// maybe notes a change of which it is not known whether it took effect.
func (d *deployment) maybe(sent bool, what string, err error) error {
	if sent {
		d.changes.Add(what)
	}
	return err
}

// publish makes a version of the code. Lambda returns the last version when
// neither code nor configuration changed since (API PublishVersion), so that it
// is safe to repeat after an answer that was lost.
func (d *deployment) publish(ctx context.Context, config *lambda.GetFunctionConfigurationOutput) (string, error) {
	const perhaps = "version perhaps published"
	sent := false
	var refused time.Time
	for {
		var out *lambda.PublishVersionOutput
		err := d.change(ctx, changeLimit, func(ctx context.Context) (err error) {
			out, err = d.Lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
				FunctionName: aws.String(d.req.Function),
				CodeSha256:   aws.String(d.res.CodeSHA256),
				RevisionId:   config.RevisionId,
			}, once)
			return err
		})
		sent = sent || unknown(err)
		differs := poll.IsCode(err, "InvalidParameterValueException")
		switch {
		case err == nil:
			return d.published(out)
		case busy(err), poll.Transient(err), differs:
			if differs && refused.IsZero() {
				refused = time.Now()
			}
			why := err
			if config, err = d.waitQuiet(ctx); err != nil {
				return "", d.maybe(sent, perhaps, err)
			}
			sha := aws.ToString(config.CodeSha256)
			switch young := time.Since(d.uploadedAt) < staleFor; {
			case sha != d.res.CodeSHA256 && (!young || sha != d.before):
				return "", d.maybe(sent, perhaps, d.superseded("someone else updated the function's code before it was published"))
			case differs && time.Since(refused) >= staleFor:
				return "", d.maybe(sent, perhaps, fmt.Errorf("publish a version: %w", why))
			}
			if err := d.pause(ctx, why); err != nil {
				return "", d.maybe(sent, perhaps, err)
			}
		default:
			return "", d.maybe(sent, perhaps, fmt.Errorf("publish a version: %w", err))
		}
	}
}

// published checks the version that Lambda answered with.
func (d *deployment) published(out *lambda.PublishVersionOutput) (string, error) {
	version := aws.ToString(out.Version)
	if version == "" || version == latestVersion {
		return "", fmt.Errorf("publish a version: lambda answered with version %q", version)
	}
	if sha := aws.ToString(out.CodeSha256); sha != d.res.CodeSHA256 {
		return "", d.superseded(fmt.Sprintf("version %s holds other code (%s)", version, sha))
	}
	d.publishedAt, d.pace = time.Now(), d.Env.Start()
	switch {
	case d.res.Uploaded:
		d.changes.Add("version " + version + " published")
	case version != d.res.Previous.Version:
		d.changes.Add("version " + version + " published, if it did not exist")
	}
	return version, nil
}

// waitVersion waits until a published version can be called. Its own state
// counts, not that of $LATEST.
func (d *deployment) waitVersion(ctx context.Context, version string) error {
	_, err := d.waitReady(ctx, version, d.res.CodeSHA256)
	return err
}

// configuration reads the function's configuration, of a version or, with an
// empty one, of the unpublished code.
func (d *deployment) configuration(ctx context.Context, version string) (*lambda.GetFunctionConfigurationOutput, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(d.req.Function)}
	if version != "" {
		in.Qualifier = aws.String(version)
	}
	var out *lambda.GetFunctionConfigurationOutput
	err := d.ask(ctx, func(ctx context.Context) (err error) {
		out, err = d.Lambda.GetFunctionConfiguration(ctx, in)
		return err
	})
	if poll.IsCode(err, "ResourceNotFoundException") && version == "" {
		return nil, fmt.Errorf("function %s does not exist in this account and region: create it first, which apply does for this project's own: %w", d.req.Function, err)
	}
	return out, err
}

// waitQuiet waits until nothing is under way on the unpublished code.
func (d *deployment) waitQuiet(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, error) {
	for {
		c, err := d.configuration(ctx, "")
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
// names; an empty hash is any. A read that shows what was before our own change
// is stale, and repeated.
func (d *deployment) waitReady(ctx context.Context, version, hash string) (*lambda.GetFunctionConfigurationOutput, error) {
	what := cmp.Or(version, latestVersion)
	for {
		c, err := d.configuration(ctx, version)
		missing := poll.IsCode(err, "ResourceNotFoundException") && version != "" && time.Since(d.publishedAt) < staleFor
		switch {
		case missing:
			if err := d.pause(ctx, fmt.Errorf("version %s: %w", what, err)); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, fmt.Errorf("read version %s: %w", what, err)
		}
		readiness, why := Evaluate(c)
		sha := aws.ToString(c.CodeSha256)
		stale := version == "" && time.Since(d.uploadedAt) < staleFor &&
			(sha != hash && sha == d.before || d.revision != "" && aws.ToString(c.RevisionId) == d.revision)
		switch {
		case stale:
			why = "Lambda still shows what was before the update"
		case hash != "" && sha != hash && readiness != NotYet:
			return nil, d.superseded(fmt.Sprintf("version %s holds other code (%s)", what, sha))
		case readiness == Broken:
			return nil, d.broken(what, why)
		case readiness == Ready:
			return c, nil
		}
		if err := d.pause(ctx, fmt.Errorf("version %s: %s", what, why)); err != nil {
			return nil, err
		}
	}
}
