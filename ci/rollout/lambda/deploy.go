package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// latestVersion is the qualifier of the unpublished code.
const latestVersion = "$LATEST"

// Current records where the alias points; a missing alias gives a state without
// a version.
func (f Functions) Current(ctx context.Context, function, alias string) (State, error) {
	st := State{Function: function, Alias: alias}
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
		// LastModified is ISO 8601 with a zone in digits (API
		// FunctionConfiguration).
		st.Since, _ = time.Parse("2006-01-02T15:04:05.999-0700", aws.ToString(c.LastModified))
	}
	return st, nil
}

// Deploy makes the alias name a version with exactly this package. It uploads
// the package unless the function has it, waits until Lambda says that the
// update was successful, publishes a version (Lambda gives the last one again
// if nothing changed), waits until that version is active, and moves the alias
// there with all of its traffic. Each change carries the revision or hash that
// was read before, so that a change made by someone else in between is noticed
// (rollout.Superseded) and never overwritten. The error is nil only for Completed and
// Unchanged; otherwise it is a *rollout.Error.
func (f Functions) Deploy(ctx context.Context, req Request) (Result, error) {
	d := &deployment{Functions: f, req: req, poll: f.Env.Start(), subject: "lambda function " + req.Function}
	d.res.CodeSHA256 = lambdazip.CodeSHA256(req.Zip)
	if d.req.Timeout <= 0 {
		d.req.Timeout = DefaultTimeout
	}
	err := d.run(ctx)
	d.res.Elapsed = d.poll.Elapsed()
	return d.finish(ctx, err)
}

// Restore points the alias, with all of its traffic, at the version it named
// when the state was recorded, if that version can still be called. A
// state without a version, from before the alias was made, is left alone and
// reported as Unchanged. The unpublished code stays as it is: callers come
// through the alias.
func (f Functions) Restore(ctx context.Context, to State, timeout time.Duration) (Result, error) {
	if to.Version == "" {
		return Result{
			Outcome: rollout.Unchanged, Previous: to,
			Reason: "the alias did not exist, so there is nothing to restore",
		}, nil
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	d := &deployment{
		Functions: f, poll: f.Env.Start(), subject: "lambda function " + to.Function,
		req: Request{Function: to.Function, Alias: to.Alias, Timeout: timeout},
	}
	err := d.restore(ctx, to)
	d.res.Elapsed = d.poll.Elapsed()
	return d.finish(ctx, err)
}

// deployment is one deploy under way.
type deployment struct {
	Functions
	req     Request
	poll    *poll.Loop
	subject string
	res     Result
	changed bool
}

// failureError is an error that decides the outcome.
type failureError struct {
	outcome rollout.Outcome
	reason  string
	next    string
}

// Error is the reason.
func (e *failureError) Error() string { return e.reason }

// finish turns what happened into result and error.
func (d *deployment) finish(ctx context.Context, err error) (Result, error) {
	if err == nil {
		return d.res, nil
	}
	out := &rollout.Error{Subject: d.subject, Err: err}
	var fe *failureError
	switch {
	case errors.As(err, &fe):
		out.Outcome, out.Reason, out.Next, out.Err = fe.outcome, fe.reason, fe.next, nil
	case ctx.Err() != nil:
		out.Outcome = rollout.Canceled
		out.Next = "the alias was not moved; deploy again"
	case d.changed:
		out.Outcome = rollout.Failed
		out.Next = "the new code is uploaded, the alias still names the version before; deploy again"
	default:
		out.Outcome = rollout.NotStarted
		out.Next = "nothing was changed; mend that and deploy again"
	}
	d.res.Outcome, d.res.Reason = out.Outcome, cmp.Or(out.Reason, err.Error())
	return d.res, out
}

func (d *deployment) run(ctx context.Context) error {
	if d.req.Function == "" || d.req.Alias == "" || len(d.req.Zip) == 0 {
		return errors.New("function, alias and zip must be given")
	}
	if err := d.req.Canary.check(); err != nil {
		return err
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
	shifted, err := d.canary(ctx, version, before)
	if err != nil {
		return err
	}
	moved, err := d.moveAlias(ctx, version, nil, before)
	switch {
	case err != nil && shifted:
		return d.takeBack(ctx, version, before, "", err)
	case err != nil:
		return err
	}
	d.res.Version = version
	d.res.Outcome = rollout.Completed
	if !moved && !d.res.Uploaded {
		d.res.Outcome = rollout.Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s with this code already", d.req.Alias, version)
	}
	d.Env.Reportf("%s: alias %s -> version %s (before: %s), %s", d.subject, d.req.Alias, version, cmp.Or(before.Version, "none"), d.res.Outcome)
	d.prune(ctx, version, before)
	return nil
}

// restore moves the alias back.
func (d *deployment) restore(ctx context.Context, to State) error {
	now, err := d.Current(ctx, to.Function, to.Alias)
	if err != nil {
		return err
	}
	d.res.Previous, d.res.Version = now, now.Version
	if _, err := d.waitReady(ctx, to.Version, to.CodeSHA256); err != nil {
		return err
	}
	moved, err := d.moveAlias(ctx, to.Version, nil, now)
	if err != nil {
		return err
	}
	d.res.Version, d.res.CodeSHA256 = to.Version, to.CodeSHA256
	d.res.Outcome = rollout.Completed
	if !moved {
		d.res.Outcome = rollout.Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s already", to.Alias, to.Version)
	}
	d.Env.Reportf("%s: alias %s back at version %s", d.subject, to.Alias, to.Version)
	return nil
}

func (d *deployment) overtaken(reason string) error {
	return &failureError{outcome: rollout.Superseded, reason: reason, next: "see who else deploys, then deploy again"}
}

// moved is an alias that names a version which is neither ours nor the one before.
func (d *deployment) moved(a *lambda.GetAliasOutput) error {
	return d.overtaken(fmt.Sprintf("someone else moved alias %s to version %s", d.req.Alias, aws.ToString(a.FunctionVersion)))
}

func (d *deployment) unmoved() string {
	return fmt.Sprintf("alias %s still names version %s", d.req.Alias, cmp.Or(d.res.Previous.Version, "none"))
}

// broken is a version that Lambda will not run. Publishing the same code again
// gives the same version again.
func (d *deployment) broken(what, why string) error {
	return &failureError{
		outcome: rollout.Failed, reason: fmt.Sprintf("version %s: %s", what, why),
		next: d.unmoved() + "; the same code and configuration give the same version again, so change one of them",
	}
}
