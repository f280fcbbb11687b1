package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// fakeMetrics has sums from a time on, since the first question.
type fakeMetrics struct {
	errors, invocations []float64
	from                time.Duration
	refuse              func(n int) error

	first time.Time
	calls int
	asked []string
}

func (f *fakeMetrics) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	if f.calls++; f.calls == 1 {
		f.first = time.Now()
	}
	if f.refuse != nil {
		if err := f.refuse(f.calls); err != nil {
			return nil, err
		}
	}
	f.asked = nil
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		m := q.MetricStat.Metric
		asked := *m.Namespace + " " + *m.MetricName
		for _, d := range m.Dimensions {
			asked += " " + *d.Name + "=" + *d.Value
		}
		f.asked = append(f.asked, asked)
		r := types.MetricDataResult{Id: q.Id}
		if time.Since(f.first) >= f.from {
			r.Values = map[string][]float64{"Errors": f.errors, "Invocations": f.invocations}[*m.MetricName]
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	if in.EndTime.Before(time.Now()) || in.StartTime.After(f.first) {
		return nil, fmt.Errorf("asked from %s to %s", in.StartTime, in.EndTime)
	}
	return out, nil
}

func TestCanaryErrorRate(t *testing.T) {
	t.Parallel()
	quiet := func(context.Context, string, string) (string, error) { return "", nil }
	for _, c := range []struct {
		name    string
		metrics fakeMetrics
		watch   func(context.Context, string, string) (string, error)
		want    rollout.Outcome
		reason  string
		seconds float64
	}{
		{name: "no data is not a verdict", want: rollout.Completed, seconds: 120},
		{name: "no invocations are not a verdict", metrics: fakeMetrics{errors: []float64{3}}, want: rollout.Completed, seconds: 120},
		{name: "at the threshold", metrics: fakeMetrics{errors: []float64{5}, invocations: []float64{60, 40}}, want: rollout.Completed, seconds: 120},
		{
			name: "above it after a minute", metrics: fakeMetrics{errors: []float64{4, 2}, invocations: []float64{60, 40}, from: time.Minute},
			want: rollout.RolledBack, reason: "6 of its 100 invocations failed, 6.0 %, and at most 5.0 % may", seconds: 60,
		},
		{
			name: "beside alarms", metrics: fakeMetrics{errors: []float64{1}, invocations: []float64{1}}, watch: quiet,
			want: rollout.RolledBack, reason: "1 of its 1 invocations failed", seconds: 0,
		},
		{
			name: "an alarm rings", metrics: fakeMetrics{}, want: rollout.RolledBack, reason: "alarm slow", seconds: 0,
			watch: func(context.Context, string, string) (string, error) { return "alarm slow", nil },
		},
		{name: "throttled", metrics: fakeMetrics{refuse: rollouttest.Times(2, 4, "ThrottlingException")}, want: rollout.Completed, seconds: 120},
		{
			name: "may not be read", metrics: fakeMetrics{refuse: rollouttest.Times(1, 99, "AccessDenied")},
			want: rollout.RolledBack, reason: "could not be completed: read the error rate of version 2", seconds: 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, metrics := newFakeLambda(mustZip("old")), c.metrics
				fns := Functions{Lambda: f}
				start := time.Now()
				res, err := fns.Deploy(t.Context(), Request{
					Function: "arn:aws:lambda:eu-central-1:111111111111:function:p", Alias: "PROD", Zip: mustZip("new"),
					Canary: Canary{Weight: 0.1, Bake: 2 * time.Minute, Watch: c.watch, MaxErrorRate: 0.05, Metrics: &metrics},
				})
				if res.Outcome != c.want || (err == nil) != c.want.OK() || !strings.Contains(res.Reason, c.reason) {
					t.Errorf("%q (%s), %v", res.Outcome, res.Reason, err)
				}
				if took := time.Since(start).Seconds(); took < c.seconds || took > c.seconds+20 {
					t.Errorf("it took %.0f s, want %.0f", took, c.seconds)
				}
				if a := f.aliases["PROD"]; len(a.weights) != 0 || (a.version == "2") != c.want.OK() {
					t.Errorf("the alias names %s with %v", a.version, a.weights)
				}
				want := "AWS/Lambda Errors FunctionName=p Resource=p:PROD ExecutedVersion=2"
				if c.watch == nil && !slices.Contains(metrics.asked, want) && c.metrics.refuse == nil {
					t.Errorf("asked was %q, want %q", metrics.asked, want)
				}
			})
		})
	}
}

func TestCanaryErrorRateThatCannotBe(t *testing.T) {
	t.Parallel()
	for says, canary := range map[string]Canary{
		"canary error rate 1.5: give a share from 0, which checks none, below 1": {Weight: 0.1, Bake: time.Minute, MaxErrorRate: 1.5, Metrics: &fakeMetrics{}},
		"nothing to read it from": {Weight: 0.1, Bake: time.Minute, MaxErrorRate: 0.1},
	} {
		f := newFakeLambda(mustZip("old"))
		res, err := (Functions{Lambda: f}).Deploy(t.Context(), Request{Function: "p", Alias: "PROD", Zip: mustZip("new"), Canary: canary})
		if res.Outcome != rollout.NotStarted || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q, %v does not say %q", res.Outcome, err, says)
		}
	}
}

var _ Metrics = (*cloudwatch.Client)(nil)
