package dora

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
)

// monday is the first day of the tests' window of ten days.
var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// run is a deploy of a commit that was made ten minutes before and takes five;
// ECS begins after one.
func run(day int, commit string, ecs rollout.Outcome) record.Record {
	started := monday.AddDate(0, 0, day)
	r := record.Record{
		Kind: record.Run, Commit: commit, Committed: started.Add(-10 * time.Minute), Decision: trigger.Decision{Deploys: true},
		Started: started, Ended: started.Add(5 * time.Minute), Outcome: pipeline.Failed,
		Stages:   []record.Stage{{Name: "test", Seconds: 60}, {Name: "ecs", Offset: 60, Seconds: 240}},
		Service:  &record.Half{Outcome: string(ecs), OK: ecs.OK()},
		Function: &record.Half{Outcome: string(rollout.Completed), OK: true},
	}
	if ecs.OK() {
		r.Outcome = pipeline.Passed
	}
	return r
}

// back is a rollback that takes one minute.
func back(day int, hour time.Duration, leaves string, outcome pipeline.Outcome) record.Record {
	started := monday.AddDate(0, 0, day).Add(hour * time.Hour)
	return record.Record{
		Kind: record.Rollback, Left: leaves, Started: started, Ended: started.Add(time.Minute), Outcome: outcome,
		Service: &record.Half{Outcome: string(rollout.Completed), OK: outcome == pipeline.Passed},
	}
}

// unfinished is a run whose ECS half was open at its end.
func unfinished(r record.Record, version string) record.Record {
	r.Service.Open, r.Service.Version = true, version
	return r
}

// found is a run that found a version in place.
func found(r record.Record, version string) record.Record {
	r.Service.Previous = version
	return r
}

// untouched is a run that found everything in place.
func untouched(day int, commit string) record.Record {
	r := run(day, commit, rollout.Unchanged)
	r.Function.Outcome, r.Plan = string(rollout.Unchanged), &record.Plan{}
	return r
}

func with(r record.Record, change func(*record.Record)) record.Record {
	change(&r)
	return r
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	const good, bad = rollout.Completed, rollout.Failed
	none := Measures{}
	tests := []struct {
		name    string
		records []record.Record
		want    Measures
	}{
		{"no runs", nil, none},
		{"one deploy", []record.Record{run(1, "a", good)}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 1,
		}},
		{"outside the window", []record.Record{run(-1, "a", good), run(10, "b", bad)}, none},
		{"tests alone", []record.Record{with(run(1, "a", good), func(r *record.Record) { r.Decision.Deploys = false })}, none},
		{"stopped by its tests", []record.Record{with(run(1, "a", bad), func(r *record.Record) { r.Service, r.Function = nil, nil })}, none},
		{"refused before any change", []record.Record{with(run(1, "a", rollout.NotStarted), func(r *record.Record) { r.Function = nil })}, none},
		{"an apply that failed", []record.Record{with(run(1, "a", bad), func(r *record.Record) { r.Service, r.Function, r.Plan = nil, nil, &record.Plan{Added: 1} })}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Open: 1,
		}},
		{"nothing to apply", []record.Record{with(run(1, "a", bad), func(r *record.Record) { r.Service, r.Function, r.Plan = nil, nil, &record.Plan{} })}, none},
		{"only failures", []record.Record{run(1, "a", bad), run(2, "b", rollout.RollbackFailed), run(3, "c", rollout.TimedOut)}, Measures{
			Attempts: 3, Failures: 3, FailureRate: 1, Open: 3,
		}},
		{"open, and nobody looked", []record.Record{unfinished(run(1, "a", rollout.TimedOut), "api:8")}, Measures{Unknown: 1}},
		{"open, and it completed", []record.Record{unfinished(run(1, "a", rollout.TimedOut), "api:8"), found(run(2, "b", good), "api:8")}, Measures{
			Deployments: 2, PerDay: 0.2, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 2,
		}},
		{"open, and it did not complete", []record.Record{unfinished(run(1, "a", rollout.TimedOut), "api:8"), found(run(2, "b", good), "api:7")}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: 24*time.Hour + 4*time.Minute, Restores: 1,
		}},
		{"open, and rolled back", []record.Record{unfinished(run(1, "a", rollout.Lost), "api:8"), with(back(2, 0, "a", pipeline.Passed), func(r *record.Record) { r.Service.Previous = "api:8" })}, Measures{
			Deployments: 1, PerDay: 0.1, Attempts: 1, Failures: 1, FailureRate: 1, Restore: 24*time.Hour - 4*time.Minute, Restores: 1,
		}},
		{"one half is open, the other failed", []record.Record{with(unfinished(run(1, "a", rollout.TimedOut), "api:8"), func(r *record.Record) { r.Function = &record.Half{Outcome: string(bad)} })}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Open: 1,
		}},
		{"mended by the circuit breaker", []record.Record{run(1, "a", rollout.RolledBack)}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Restore: 4 * time.Minute, Restores: 1,
		}},
		{"mended by the next deploy", []record.Record{run(1, "a", bad), run(2, "b", good)}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: 24*time.Hour + 4*time.Minute, Restores: 1,
		}},
		{"smoke fails on what is deployed", []record.Record{with(run(1, "a", good), func(r *record.Record) { r.Outcome = pipeline.Failed })}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Open: 1,
		}},
		{"a failure is restored by a rollback", []record.Record{run(1, "a", good), run(2, "b", bad), back(2, 1, "b", pipeline.Passed)}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: time.Hour, Restores: 1,
		}},
		{"a success is rolled back later", []record.Record{run(1, "a", good), run(2, "b", good), back(2, 2, "b", pipeline.Passed)}, Measures{
			Deployments: 2, PerDay: 0.2, LeadTime: 15 * time.Minute, LeadTimes: 2, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: 2*time.Hour - 4*time.Minute, Restores: 1,
		}},
		{"rolled back from an unknown commit", []record.Record{run(1, "a", good), run(2, "b", good), back(2, 2, "", pipeline.Passed)}, Measures{
			Deployments: 2, PerDay: 0.2, LeadTime: 15 * time.Minute, LeadTimes: 2, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: 2*time.Hour - 4*time.Minute, Restores: 1,
		}},
		{"rolled back twice", []record.Record{run(1, "a", good), run(2, "b", good), back(3, 0, "b", pipeline.Passed), back(4, 0, "a", pipeline.Passed)}, Measures{
			Deployments: 2, PerDay: 0.2, LeadTime: 15 * time.Minute, LeadTimes: 2, Attempts: 2, Failures: 1, FailureRate: 0.5,
			Restore: 24*time.Hour - 4*time.Minute, Restores: 1,
		}},
		{"a rollback that failed mends nothing", []record.Record{run(1, "a", bad), back(2, 0, "a", pipeline.Failed)}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Open: 1,
		}},
		{"a rollback of what came before the window", []record.Record{run(-1, "a", good), back(1, 0, "a", pipeline.Passed)}, none},
		{"the same commit again", []record.Record{run(1, "a", good), run(5, "a", rollout.Unchanged)}, Measures{
			Deployments: 2, PerDay: 0.2, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 2,
		}},
		{"a commit that changed no program", []record.Record{run(1, "a", good), untouched(5, "b")}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 1,
		}},
		{"one that brought back what was deleted", []record.Record{with(untouched(5, "b"), func(r *record.Record) { r.Plan = &record.Plan{Added: 1} })}, Measures{
			Deployments: 1, PerDay: 0.1, LeadTime: 15 * time.Minute, LeadTimes: 1, Attempts: 1,
		}},
		{"one that found a failure mended", []record.Record{run(1, "a", bad), untouched(2, "b")}, Measures{
			Attempts: 1, Failures: 1, FailureRate: 1, Restore: 24*time.Hour + 4*time.Minute, Restores: 1,
		}},
		{"commits of unknown and of impossible age", []record.Record{
			with(run(1, "a", good), func(r *record.Record) { r.Committed = time.Time{} }),
			with(run(2, "b", good), func(r *record.Record) { r.Committed = r.Ended.Add(time.Second) }),
		}, Measures{Deployments: 2, PerDay: 0.2, Attempts: 2}},
		{"the median of an even number", []record.Record{
			with(run(1, "a", good), func(r *record.Record) { r.Committed = r.Ended.Add(-time.Hour) }),
			with(run(2, "b", good), func(r *record.Record) { r.Committed = r.Ended.Add(-3 * time.Hour) }),
		}, Measures{Deployments: 2, PerDay: 0.2, LeadTime: 2 * time.Hour, LeadTimes: 2, Attempts: 2}},
	}
	for _, tt := range tests {
		tt.want.From, tt.want.To = monday, monday.AddDate(0, 0, 10)
		if got := Measure(tt.records, tt.want.From, tt.want.To); got != tt.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.name, got, tt.want)
		}
		slices.Reverse(tt.records)
		if got := Measure(tt.records, tt.want.From, tt.want.To); got != tt.want {
			t.Errorf("%s, newest first:\ngot  %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	none := Measure(nil, monday, monday.AddDate(0, 0, 30)).String()
	if strings.Count(none, "none yet") != 3 || strings.Contains(none, "NaN") {
		t.Error(none)
	}
	const want = `MEASURE                 VALUE        FROM
deployment frequency    0.10 a day   deployments: 1, days: 10
lead time for changes   15m0s        changes: 1, their median
change failure rate     50.0 %       failed: 1 of 2 that changed something
time to restore         24h4m0s      restored: 1, their median; not restored yet: 0
`
	got := Measure([]record.Record{run(1, "a", rollout.Failed), run(2, "b", rollout.Completed)}, monday, monday.AddDate(0, 0, 10)).String()
	if got != want {
		t.Errorf("got\n%s", got)
	}
}
