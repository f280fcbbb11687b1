package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	d := f.begin(Request{Function: function, Alias: alias})
	return d.current(ctx)
}

// Deploy makes the alias name a version with exactly this code. It uploads
// the code unless the function has it, waits until Lambda says that the
// update was successful, publishes a version (Lambda returns the last one
// if nothing changed since), waits until that version is active, and moves the
// alias there with all of its traffic. Each change carries the revision or hash
// that was read before, so that a change made by someone else in between is noticed
// (rollout.Superseded) and never overwritten; a change whose answer is lost is
// looked up before it is sent again. The error is nil only for Completed and
// Unchanged; otherwise it is a *rollout.Error.
//
// It needs lambda:GetFunctionConfiguration, UpdateFunctionCode, PublishVersion,
// GetAlias, CreateAlias, UpdateAlias and GetProvisionedConcurrencyConfig on the
// function; InvokeFunction for test invocations; ListVersionsByFunction,
// ListAliases and DeleteFunction to delete old versions.
func (f Functions) Deploy(ctx context.Context, req Request) (Result, error) {
	d := f.begin(req)
	err := d.run(ctx)
	return d.finish(ctx, err)
}

// Restore points the alias, with all of its traffic, at the version it named
// when the state was recorded, if that version can still be called. A
// state without a version, from before the alias was created, is left alone and
// reported as Unchanged. The unpublished code stays as it is: callers come
// through the alias.
func (f Functions) Restore(ctx context.Context, to State, timeout time.Duration) (Result, error) {
	if to.Version == "" {
		return Result{
			Outcome: rollout.Unchanged, Ended: true, Previous: to,
			Reason: "the alias did not exist, so there is nothing to restore",
		}, nil
	}
	d := f.begin(Request{Function: to.Function, Alias: to.Alias, Timeout: timeout})
	err := d.restore(ctx, to)
	return d.finish(ctx, err)
}

// deployment is one deploy under way.
type deployment struct {
	Functions
	req     Request
	subject string
	// poll is the whole deploy's time, and pace that of what is waited for now: it
	// starts anew with each change, so that a change is soon looked at.
	poll, pace *poll.Loop
	res        Result
	changes    rollout.Changes

	// uploadedAt and publishedAt are when Lambda took the code and the version.
	uploadedAt, publishedAt time.Time
	// before and revision are the unpublished code's hash and revision from before
	// the upload.
	before, revision string
	// invocationLimit is how long the function may run.
	invocationLimit time.Duration
	// provisioned is true for an alias with provisioned concurrency, and
	// unallocated if it could not be allocated before this deploy either.
	provisioned, unallocated bool
	// aliasSent is true once a change of the alias was sent, unanswered while the
	// last one has no answer, and wanted is the version that it names.
	aliasSent, unanswered bool
	wanted                string
	// open says why the alias may still change by itself; empty if it cannot.
	open string
}

func (f Functions) begin(req Request) *deployment {
	if req.Timeout <= 0 {
		req.Timeout = DefaultTimeout
	}
	return &deployment{Functions: f, req: req, poll: f.Env.Start(), pace: f.Env.Start(), subject: "lambda function " + req.Function}
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
	if err != nil && d.aliasSent {
		d.look(ctx)
	}
	d.res.Elapsed, d.res.Changed, d.res.Ended = d.poll.Elapsed(), d.changes.List(), d.open == ""
	if err == nil {
		return d.res, nil
	}
	out := &rollout.Error{Subject: d.subject, Changed: d.res.Changed, Err: err}
	var failed *failureError
	var barred *poll.BarredError
	switch {
	case errors.As(err, &failed):
		out.Outcome, out.Reason, out.Next, out.Err = failed.outcome, failed.reason, failed.next, nil
		if failed.outcome == rollout.Canceled {
			out.Err = context.Cause(ctx)
		}
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), ctx.Err()):
		out.Outcome, out.Next = rollout.Canceled, d.unmoved()+"; deploy again"
	case ctx.Err() != nil, errors.As(err, &barred):
		out.Outcome, out.Next = d.without(rollout.Failed), d.unmoved()+"; see who else deploys, then deploy again"
		if barred == nil {
			out.Err = context.Cause(ctx)
		}
	case d.open != "":
		out.Outcome = rollout.Lost
	case poll.IsCode(err, "CodeVerificationFailedException", "InvalidCodeSignatureException"):
		out.Outcome = d.without(rollout.Failed)
		out.Next = "sign the package with a profile that the function's code signing configuration allows, then deploy again"
	case len(d.res.Changed) == 0:
		out.Outcome, out.Next = rollout.NotStarted, "nothing was changed; correct that and deploy again"
	default:
		out.Outcome, out.Next = rollout.Failed, d.unmoved()+"; correct that and deploy again"
	}
	if d.open != "" {
		out.Reason = strings.TrimPrefix(out.Reason+"; "+d.open, "; ")
		out.Next = fmt.Sprintf("look at alias %s with status before you deploy again", d.req.Alias)
	}
	d.res.Outcome, d.res.Reason = out.Outcome, cmp.Or(out.Reason, err.Error())
	return d.res, out
}

// without is NotStarted if nothing at all was changed, and otherwise the outcome.
func (d *deployment) without(o rollout.Outcome) rollout.Outcome {
	if len(d.changes.List()) == 0 {
		return rollout.NotStarted
	}
	return o
}

func (d *deployment) run(ctx context.Context) error {
	source, err := d.req.source()
	if err != nil {
		return err
	}
	if err := d.req.Canary.check(); err != nil {
		return err
	}
	before, err := d.quietAlias(ctx)
	if err != nil {
		return err
	}
	d.res.Previous, d.res.Version, d.res.Weights = before, before.Version, before.Weights
	config, err := d.upload(ctx, source)
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
	var unallocated *unallocatedError
	switch {
	case errors.As(err, &unallocated) && before.Version != "" && before.Version != version:
		return d.takeBack(ctx, version, before, unallocated.Error(), nil)
	case err != nil && shifted:
		return d.takeBack(ctx, version, before, fmt.Sprintf("the canary of version %s could not be completed: %v", version, err), err)
	case err != nil:
		return err
	}
	d.res.Version, d.res.Weights = version, nil
	d.res.Outcome = rollout.Completed
	if !moved && !d.res.Uploaded {
		d.res.Outcome = rollout.Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s with this code already", d.req.Alias, version)
	}
	d.Env.Reportf("%s: alias %s -> version %s (before: %s), %s", d.subject, d.req.Alias, version, cmp.Or(before.Version, "none"), d.res.Outcome)
	d.prune(ctx, version, before)
	return nil
}

// restore moves the alias back. It does not wait for a move that is under way: it
// replaces it.
func (d *deployment) restore(ctx context.Context, to State) error {
	if _, err := d.readProvisioned(ctx); err != nil {
		return err
	}
	now, err := d.current(ctx)
	if err != nil {
		return err
	}
	d.res.Previous, d.res.Version, d.res.Weights = now, now.Version, now.Weights
	if _, err := d.waitReady(ctx, to.Version, to.CodeSHA256); err != nil {
		return err
	}
	moved, err := d.moveAlias(ctx, to.Version, nil, now)
	if err != nil {
		return err
	}
	d.res.Version, d.res.Weights, d.res.CodeSHA256 = to.Version, nil, to.CodeSHA256
	d.res.Outcome = rollout.Completed
	if !moved {
		d.res.Outcome = rollout.Unchanged
		d.res.Reason = fmt.Sprintf("alias %s names version %s already", to.Alias, to.Version)
	}
	d.Env.Reportf("%s: alias %s back at version %s", d.subject, to.Alias, to.Version)
	return nil
}

func (d *deployment) superseded(reason string) error {
	return &failureError{outcome: rollout.Superseded, reason: reason, next: "see who else deploys, then deploy again"}
}

// movedAway is an alias that names a version which is neither ours nor the one
// before.
func (d *deployment) movedAway(a *lambda.GetAliasOutput) error {
	d.open = ""
	return d.superseded(fmt.Sprintf("someone else moved alias %s to version %s", d.req.Alias, aws.ToString(a.FunctionVersion)))
}

// unmoved says what the alias names, as far as it is known.
func (d *deployment) unmoved() string {
	if d.res.Version == d.res.Previous.Version {
		return fmt.Sprintf("alias %s still names version %s", d.req.Alias, cmp.Or(d.res.Version, "none"))
	}
	return fmt.Sprintf("alias %s names version %s", d.req.Alias, cmp.Or(d.res.Version, "none"))
}

// broken is a version that Lambda will not run. Publishing the same code again
// gives the same version again.
func (d *deployment) broken(what, why string) error {
	return &failureError{
		outcome: rollout.Failed, reason: fmt.Sprintf("version %s: %s", what, why),
		next: d.unmoved() + "; the same code and configuration give the same version again, so change one of them",
	}
}
