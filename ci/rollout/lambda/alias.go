package lambda

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// moveAlias points the alias at a version with the given weights, waits until it
// does, and reports whether that changed anything. from is where the alias may
// point before: any other version means that someone else moved it.
func (d *deployment) moveAlias(ctx context.Context, version string, w map[string]float64, from State) (bool, error) {
	m := aliasMove{deployment: d, version: version, weights: w, from: from, doubt: d.unanswered}
	d.wanted = version
	for {
		a, err := d.alias(ctx)
		if err != nil {
			return m.sent, fmt.Errorf("read alias %s: %w", d.req.Alias, err)
		}
		done, why, err := m.step(ctx, a)
		if done || err != nil {
			return m.sent, err
		}
		if err := d.pause(ctx, why); err != nil {
			return m.sent, err
		}
	}
}

// aliasMove is a change of the alias under way.
type aliasMove struct {
	*deployment
	version string
	weights map[string]float64
	from    State
	// sent is true once a change may have taken effect, accepted is when Lambda took
	// it, and noted is true once it is among the changes.
	sent, noted bool
	accepted    time.Time
	// doubt is true after an earlier change whose effect is not known: a read that shows
	// what is wanted may then be stale, so that the change is sent in any case.
	doubt bool
	// seen is what the alias was like when the change was sent.
	seen *lambda.GetAliasOutput
}

// step does what the alias, nil if there is none, asks for next, and says why the
// move is not done yet.
func (m *aliasMove) step(ctx context.Context, a *lambda.GetAliasOutput) (done bool, why, err error) {
	names := ""
	if a != nil {
		names = aws.ToString(a.FunctionVersion)
	}
	if m.sent && m.accepted.IsZero() && a != nil && m.between(a) && !same(a, m.seen) {
		m.take()
	}
	taken := !m.accepted.IsZero()
	switch {
	case a != nil && !m.doubt && shows(a.FunctionVersion, a.RoutingConfig, m.version, m.weights):
		there, err := m.allocated(ctx, m.version)
		if there || err != nil {
			m.arrived()
		}
		return there, errMoving, err
	case a != nil && !m.known(names):
		return false, nil, m.movedAway(a)
	case taken && a != nil && m.between(a):
		_, err := m.allocated(ctx, m.version)
		if err != nil {
			m.arrived()
		}
		return false, errMoving, err
	case taken && time.Since(m.accepted) < staleFor:
		return false, fmt.Errorf("alias %s still shows what was before the change", m.req.Alias), nil
	case taken:
		m.open = ""
		return false, nil, m.superseded(fmt.Sprintf("someone else set alias %s back to version %s", m.req.Alias, cmp.Or(names, "none")))
	}
	m.seen = a
	exact, err := m.setAlias(ctx, a, m.version, m.weights)
	switch {
	case err == nil && exact && !m.provisioned:
		m.sent, m.doubt = true, false
		m.arrived()
		return true, nil, nil
	case err == nil:
		m.take()
		return false, errMoving, nil
	case unknown(err):
		m.sent, m.unanswered = true, true
		m.open = fmt.Sprintf("it is not known whether alias %s was set to version %s", m.req.Alias, m.version)
	}
	if missing := poll.IsCode(err, "ResourceNotFoundException") && time.Since(m.publishedAt) < staleFor; busy(err) || missing || poll.Transient(err) {
		return false, err, nil
	}
	return false, nil, fmt.Errorf("point alias %s at version %s: %w", m.req.Alias, m.version, err)
}

// take notes that Lambda took the change, which is not in effect yet.
func (m *aliasMove) take() {
	m.sent, m.accepted, m.doubt = true, time.Now(), false
	m.note()
	m.open = fmt.Sprintf("alias %s is still moving to version %s", m.req.Alias, m.version)
}

// arrived notes that the alias is where it should be.
func (m *aliasMove) arrived() {
	if m.sent {
		m.note()
	}
	m.open, m.unanswered = "", false
}

// note puts the change among those that were made, once.
func (m *aliasMove) note() {
	m.unanswered = false
	if !m.noted {
		m.noted = true
		m.changes.Add(aliasChange(m.req.Alias, m.version, m.weights))
		m.pace = m.Env.Start()
	}
}

// known reports whether the alias may name a version without anyone else having
// moved it.
func (m *aliasMove) known(version string) bool {
	_, share := m.from.Weights[version]
	return share || version == m.from.Version || version == m.version
}

// same reports whether two reads show the same alias.
func same(a, b *lambda.GetAliasOutput) bool {
	return b != nil && shows(a.FunctionVersion, a.RoutingConfig, aws.ToString(b.FunctionVersion), weights(b.RoutingConfig))
}

func aliasChange(alias, version string, w map[string]float64) string {
	var shares strings.Builder
	for _, v := range slices.Sorted(maps.Keys(w)) {
		fmt.Fprintf(&shares, " with %.0f %% of the traffic for version %s", 100*w[v], v)
	}
	return fmt.Sprintf("alias %s set to version %s%s", alias, version, shares.String())
}

// between reports whether an alias is on its way between the versions of this move:
// Lambda gives weights to one of them while provisioned concurrency moves.
func (m *aliasMove) between(a *lambda.GetAliasOutput) bool {
	w := weights(a.RoutingConfig)
	for v := range w {
		if !m.known(v) {
			return false
		}
	}
	return len(w) > 0
}

// setAlias creates or changes the alias in one try, and reports whether Lambda's
// answer shows exactly what was asked for.
func (d *deployment) setAlias(ctx context.Context, a *lambda.GetAliasOutput, version string, w map[string]float64) (exact bool, err error) {
	d.aliasSent = true
	err = d.change(ctx, changeLimit, func(ctx context.Context) error {
		if a == nil {
			out, err := d.Lambda.CreateAlias(ctx, &lambda.CreateAliasInput{
				FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias),
				FunctionVersion: aws.String(version), RoutingConfig: routing(w),
			}, once)
			exact = err == nil && shows(out.FunctionVersion, out.RoutingConfig, version, w)
			return err
		}
		out, err := d.Lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{
			FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias),
			FunctionVersion: aws.String(version), RoutingConfig: routing(w), RevisionId: a.RevisionId,
		}, once)
		exact = err == nil && shows(out.FunctionVersion, out.RoutingConfig, version, w)
		return err
	})
	return exact, err
}

func shows(names *string, c *types.AliasRoutingConfiguration, version string, w map[string]float64) bool {
	return aws.ToString(names) == version && maps.Equal(weights(c), w)
}

// lookLimit bounds the last look at the alias of a caller that gave up.
const lookLimit = 700 * time.Millisecond

// look reads, after a failure, what the alias names now.
func (d *deployment) look(ctx context.Context) {
	if ctx.Err() != nil {
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
		defer cancel()
		ctx = brief
	}
	var a *lambda.GetAliasOutput
	err := d.Env.Call(ctx, func(ctx context.Context) (err error) {
		a, err = d.getAlias(ctx)
		return err
	})
	switch {
	case err != nil:
		if d.open == "" {
			d.open = fmt.Sprintf("what alias %s names could not be read: %v", d.req.Alias, err)
		}
	case a != nil:
		d.res.Version, d.res.Weights = aws.ToString(a.FunctionVersion), weights(a.RoutingConfig)
		if d.unanswered && d.res.Version == d.wanted && d.wanted != d.res.Previous.Version && len(d.res.Weights) == 0 {
			// The change whose answer was lost took effect.
			d.open = ""
			d.changes.Add(aliasChange(d.req.Alias, d.wanted, nil))
		}
	}
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

func (d *deployment) getAlias(ctx context.Context) (*lambda.GetAliasOutput, error) {
	return d.Lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(d.req.Function), Name: aws.String(d.req.Alias)})
}

// alias reads the alias; nil if there is none.
func (d *deployment) alias(ctx context.Context) (*lambda.GetAliasOutput, error) {
	var out *lambda.GetAliasOutput
	err := d.ask(ctx, func(ctx context.Context) (err error) {
		out, err = d.getAlias(ctx)
		return err
	})
	if poll.IsCode(err, "ResourceNotFoundException") {
		// The same answer stands for a missing function.
		if _, err := d.configuration(ctx, ""); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return out, err
}

// current records where the alias points; see Functions.Current.
func (d *deployment) current(ctx context.Context) (State, error) {
	st := State{Function: d.req.Function, Alias: d.req.Alias}
	a, err := d.alias(ctx)
	if err != nil {
		return st, fmt.Errorf("read alias %s of lambda function %s: %w", d.req.Alias, d.req.Function, err)
	}
	if a == nil {
		return st, nil
	}
	st.Version, st.Weights = aws.ToString(a.FunctionVersion), weights(a.RoutingConfig)
	var c *lambda.GetFunctionConfigurationOutput
	err = d.Env.Call(ctx, func(ctx context.Context) (err error) {
		c, err = d.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(d.req.Function), Qualifier: a.FunctionVersion})
		return err
	})
	if err == nil {
		st.CodeSHA256 = aws.ToString(c.CodeSha256)
		// LastModified is ISO 8601 with a zone in digits (API
		// FunctionConfiguration).
		st.Since, _ = time.Parse("2006-01-02T15:04:05.999-0700", aws.ToString(c.LastModified))
	}
	return st, nil
}
