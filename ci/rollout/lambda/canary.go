package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// canary tests the version. Whatever happens, also when the caller
// gives up, the alias is left without weights; but after a good canary, which
// it reports as shifted, they stay until the alias moves.
func (d *deployment) canary(ctx context.Context, version string, before State) (shifted bool, err error) {
	if version == before.Version {
		return false, nil
	}
	for i := range d.req.Canary.Invocations {
		if err := d.invoke(ctx, version, i+1); err != nil {
			return false, err
		}
	}
	if d.req.Canary.Bake <= 0 || before.Version == "" {
		return false, nil
	}
	if _, err := d.moveAlias(ctx, before.Version, map[string]float64{version: d.req.Canary.Weight}, before); err != nil {
		if d.open == "" {
			return false, err
		}
		return false, d.takeBack(ctx, version, before, fmt.Sprintf("the canary of version %s did not begin: %v", version, err), err)
	}
	d.Env.Reportf("%s: version %s gets %.0f %% of the traffic for %s", d.subject, version, 100*d.req.Canary.Weight, d.req.Canary.Bake)
	begin := time.Now()
	wrong, err := d.bake(ctx, version, before)
	switch {
	case wrong == "" && err == nil:
		return true, nil
	case wrong != "":
		wrong = fmt.Sprintf("version %s in the canary: %s", version, wrong)
	default:
		wrong = fmt.Sprintf("the canary of version %s could not be completed: %v", version, err)
	}
	taken := d.takeBack(ctx, version, before, wrong, err)
	var failed *failureError
	if err == nil && errors.As(taken, &failed) {
		failed.reason += logged(d.complaints(ctx, version, begin))
	}
	return false, taken
}

// bakeSlack is how much longer than planned a bake may take while AWS is slow.
const bakeSlack = 5 * time.Minute

// bake checks the version while it has its share. It does not count against
// the deploy's time limit.
func (d *deployment) bake(ctx context.Context, version string, before State) (wrong string, err error) {
	loop := d.Env.Start()
	limit := d.req.Timeout
	d.req.Timeout += d.req.Canary.Bake + bakeSlack
	defer func() { d.req.Timeout = limit + loop.Elapsed() }()
	checks := d.checks(version, before)
	for {
		for _, check := range checks {
			err := d.Env.Ask(ctx, func(ctx context.Context) (err error) {
				wrong, err = check(ctx)
				return err
			})
			if err != nil || wrong != "" {
				return wrong, err
			}
		}
		if loop.Elapsed() >= d.req.Canary.Bake {
			return "", nil
		}
		if err := loop.Wait(ctx); err != nil {
			return "", err
		}
	}
}

// checks are made throughout a bake that begins now.
func (d *deployment) checks(version string, before State) []func(context.Context) (string, error) {
	c := d.req.Canary
	disturbed := 0
	all := []func(context.Context) (string, error){func(ctx context.Context) (string, error) {
		err := d.undisturbed(ctx, version, before)
		var other *failureError
		if disturbed++; !errors.As(err, &other) {
			disturbed = 0
		}
		// A read may show once more what was before our own change.
		if disturbed == 1 {
			return "", nil
		}
		return "", err
	}}
	if c.Watch != nil {
		all = append(all, func(ctx context.Context) (string, error) { return c.Watch(ctx, d.req.Function, version) })
	}
	if c.MaxErrorRate > 0 {
		rate := errorRate{metrics: c.Metrics, function: d.req.Function, alias: d.req.Alias, most: c.MaxErrorRate, since: time.Now()}
		all = append(all, func(ctx context.Context) (string, error) { return rate.wrong(ctx, version) })
	}
	return all
}

// undisturbed fails when someone else moved the alias or took the canary's share.
func (d *deployment) undisturbed(ctx context.Context, version string, before State) error {
	a, err := d.alias(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read alias %s: %w", d.req.Alias, err)
	case a == nil:
		return d.superseded(fmt.Sprintf("someone else deleted alias %s", d.req.Alias))
	case aws.ToString(a.FunctionVersion) != before.Version:
		return d.movedAway(a)
	case !maps.Equal(weights(a.RoutingConfig), map[string]float64{version: d.req.Canary.Weight}):
		return d.superseded(fmt.Sprintf("someone else changed the weights of alias %s", d.req.Alias))
	}
	return nil
}

// check refuses a canary that makes no sense.
func (c Canary) check() error {
	switch {
	case c.Bake > 0 && (c.Weight <= 0 || c.Weight >= 1):
		return fmt.Errorf("canary weight %v: give a share above 0 and below 1", c.Weight)
	case c.MaxErrorRate < 0 || c.MaxErrorRate >= 1:
		return fmt.Errorf("canary error rate %v: give a share from 0, which checks none, below 1", c.MaxErrorRate)
	case c.MaxErrorRate > 0 && c.Metrics == nil:
		return fmt.Errorf("canary error rate %v: there is nothing to read it from; give Metrics", c.MaxErrorRate)
	}
	return nil
}

// takeBackTimeout bounds the way back of a caller that gave up.
const takeBackTimeout = 1200 * time.Millisecond

// takeBack gives all traffic to the version before. cause is the error that made it
// necessary, nil if the version itself did.
func (d *deployment) takeBack(ctx context.Context, version string, before State, wrong string, cause error) error {
	var other *failureError
	var barred *poll.BarredError
	switch {
	case errors.As(cause, &other) && other.outcome == rollout.Superseded:
		return other
	case errors.As(cause, &barred):
		return d.left(version, wrong)
	}
	out := &failureError{outcome: rollout.RolledBack, reason: wrong}
	clearing := ctx
	if ctx.Err() != nil {
		out.outcome, out.reason = rollout.Canceled, "the canary was given up"
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTimeout)
		defer cancel()
		clearing = brief
	}
	// What could not be allocated for the new version is not an obstacle on the way back,
	// and the way back has its time even if the deploy used all of its own.
	d.unallocated = true
	d.req.Timeout = max(d.req.Timeout, d.poll.Elapsed()+takeBackLimit)
	if _, err := d.moveAlias(clearing, before.Version, nil, State{Version: version}); err != nil {
		return d.left(version, fmt.Sprintf("%s; and its traffic was not taken back: %v", out.reason, err))
	}
	out.next = fmt.Sprintf("alias %s names version %s, with all of the traffic", d.req.Alias, before.Version)
	return out
}

// takeBackLimit is how long the way back may take at least.
const takeBackLimit = 2 * time.Minute

// left is a canary whose traffic could not be taken back: a person has to look at
// the alias.
func (d *deployment) left(version, reason string) error {
	return &failureError{
		outcome: rollout.RollbackFailed, reason: reason,
		next: fmt.Sprintf("look at alias %s now: it may still send traffic to version %s", d.req.Alias, version),
	}
}
