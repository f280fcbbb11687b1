// Package load puts a bounded load on a deployed API and holds its answers to a
// budget. Requests leave at a constant rate whether or not the ones before have
// been answered, so that a slow server cannot slow down its own measurement
// (coordinated omission). Start with Run.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Plan is how much load there is, and what must hold under it.
type Plan struct {
	// Rate is in requests a second, 1 to 1000.
	Rate int
	// Time is how long it lasts, 1 s to 10 min.
	Time time.Duration
	// P99 bounds the time of the slowest request but one in a hundred.
	P99 time.Duration
	// Errors is the share of requests, 0 to 1, that may fail: no answer, or one
	// of 400 and above.
	Errors float64
}

// ParsePlan reads a plan's parts as people write them: requests a second, times
// such as 10s and 250ms, and a percentage.
func ParsePlan(rate int, last, p99 string, errorPercent float64) (Plan, error) {
	p := Plan{Rate: rate, Errors: errorPercent / 100}
	if rate < 1 || rate > 1000 {
		return p, fmt.Errorf("rate %d: give 1 to 1000 requests a second", rate)
	}
	var err error
	if p.Time, err = time.ParseDuration(last); err != nil || p.Time < time.Second || p.Time > 10*time.Minute {
		return p, fmt.Errorf("time %q: give 1s to 10m", last)
	}
	if p.P99, err = time.ParseDuration(p99); err != nil || p.P99 <= 0 {
		return p, fmt.Errorf("p99 %q: give a time, for example --p99 250ms", p99)
	}
	if !(errorPercent >= 0 && errorPercent <= 100) {
		return p, fmt.Errorf("errors %v: give a percentage from 0 to 100", errorPercent)
	}
	return p, nil
}

// Report is what was measured.
type Report struct {
	Plan Plan
	// Requests counts those sent, Failed those without a good answer.
	Requests, Failed int
	// Rate is how many good answers came a second.
	Rate          float64
	P50, P95, P99 time.Duration
	// Max is the slowest request's time.
	Max time.Duration
	// Reasons are the distinct failures.
	Reasons []string
}

// String is the report in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d requests, %.0f answered a second, p50 %s, p95 %s, p99 %s, max %s, %d failed",
		r.Requests, r.Rate, r.P50.Round(100*time.Microsecond), r.P95.Round(100*time.Microsecond), r.P99.Round(100*time.Microsecond), r.Max.Round(100*time.Microsecond), r.Failed)
}

// Err says which part of the budget does not hold; nil if all does.
func (r Report) Err() error {
	var broken []error
	if r.P99 > r.Plan.P99 {
		broken = append(broken, fmt.Errorf("p99 is %s, the budget %s", r.P99.Round(100*time.Microsecond), r.Plan.P99))
	}
	if share := float64(r.Failed) / float64(max(r.Requests, 1)); share > r.Plan.Errors {
		broken = append(broken, fmt.Errorf("%.2f %% of the requests failed, the budget is %.2f %%: %s", share*100, r.Plan.Errors*100, strings.Join(r.Reasons, "; ")))
	}
	return errors.Join(broken...)
}

// Run puts the load on the API at the address, such as http://name:8000. The
// readings it posts are of the sensor of that name. The error is for a load that
// ended early.
func Run(ctx context.Context, client *http.Client, address, sensor string, plan Plan) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, plan.Time+time.Minute)
	defer cancel()
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxBody(1<<20))
	results := attacker.Attack(newRequests(address, sensor, time.Now()), vegeta.Rate{Freq: plan.Rate, Per: time.Second}, plan.Time, "load")
	var metrics vegeta.Metrics
	var failed int
	stopped := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stopped()
	for result := range results {
		metrics.Add(result)
		if result.Error != "" || result.Code >= http.StatusBadRequest {
			failed++
		}
	}
	metrics.Close()
	return Report{
		Plan: plan, Requests: int(metrics.Requests), Failed: failed, Rate: metrics.Throughput, //nolint:gosec // At most 1000 a second for 10 minutes.
		P50: metrics.Latencies.P50, P95: metrics.Latencies.P95, P99: metrics.Latencies.P99, Max: metrics.Latencies.Max,
		Reasons: metrics.Errors,
	}, ctx.Err()
}
