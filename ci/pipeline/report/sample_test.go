package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
)

const commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

// failedDeploy is a deploy to prod in which ECS rolled back.
func failedDeploy(t testing.TB) record.Record {
	t.Helper()
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := trigger.Event{Name: trigger.Push, Ref: "refs/heads/main", SHA: commit}
	decision, err := trigger.Decide(event)
	if err != nil {
		t.Fatal(err)
	}
	r := record.Record{
		Schema: record.Schema, ID: "20260102T030405Z-0a1b2c3d4e5f-01020304", Kind: record.Run,
		Commit: commit, Committed: started.Add(-7 * time.Minute), Branch: "main", Event: event.Name, Ref: event.Ref, Decision: decision,
		Target: record.Target{Environment: "prod", Account: "111122223333", Region: "eu-central-1"},
		By:     record.By{Actor: "ada", URL: "https://ci.example/runs/1?attempt=2"}, Started: started, Ended: started.Add(312 * time.Second),
		Artefacts: []record.Artefact{
			{Name: "API image", Digest: "sha256:" + strings.Repeat("1f", 32), Size: 9_800_000},
			{Name: "processor zip", Digest: "sha256:" + strings.Repeat("2e", 32), Size: 6_400_000},
		},
		Gates: []record.Gate{
			{Name: "lint", Mode: gates.On, Verdict: gates.Passed},
			{Name: "secrets", Mode: gates.On, Verdict: gates.Passed},
			{Name: "vulnerabilities", Mode: gates.On, Verdict: gates.NotChecked, Reason: "the database cannot be reached"},
			{Name: "licences", Mode: gates.Advisory, Verdict: gates.Failed, Findings: []string{"example.com/a: no licence found", "example.com/b: AGPL-3.0"}},
			{Name: "load", Mode: gates.Off, Verdict: gates.NotChecked, Reason: "switched off"},
		},
		Plan: &record.Plan{Added: 2, Changed: 1, Destroyed: 1, Resources: []record.Resource{
			{Action: "create", Address: `aws_cloudwatch_metric_alarm.api["api-down"]`}, {Action: "update", Address: "aws_lb.api"}, {Action: "replace", Address: "aws_security_group_rule.out"},
		}}, Cost: &record.Cost{Monthly: 61.4, Difference: 3.2},
		Service:  &record.Half{Outcome: "rolled back", Version: "sensor-prod-api:8", Previous: "sensor-prod-api:7", Runs: "sensor-prod-api:7", Seconds: 141, Reason: "ECS deployment circuit breaker: tasks failed to start."},
		Function: &record.Half{Outcome: "deployed", OK: true, Version: "8", Previous: "7", Runs: "7", Seconds: 12},
	}
	at := func(s float64) time.Time { return started.Add(time.Duration(s * float64(time.Second))) }
	took := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	r.SetStages([]pipeline.Result{
		{Stage: "test", Outcome: pipeline.Passed, Started: at(0.2), Elapsed: took(48.1), Produced: "coverage 81.0 %"},
		{Stage: "build", Outcome: pipeline.Passed, Started: at(48.3), Elapsed: took(31.6), Produced: "sha256:1f1f1f1f1f1f, tags main-0a1b2c3d4e5f latest, no findings"},
		{Stage: "infra", Outcome: pipeline.Passed, Started: at(80), Elapsed: took(77.4), Produced: "2 added, 1 changed, 1 destroyed"},
		{Stage: "lambda", Outcome: pipeline.Passed, Started: at(157.6), Elapsed: took(12.2), Produced: "version 8 deployed; taken back to version 7"},
		{Stage: "ecs", Outcome: pipeline.Failed, Started: at(157.6), Elapsed: took(151.3), Err: errors.New("deploy to ecs service sensor-prod/api: rolled back: ECS deployment circuit breaker: tasks failed to start.\nnext: look at the task's log\ntask 3f: exit code 1: DATABASE_URL is empty")},
		{Stage: "smoke", Outcome: pipeline.Skipped, Because: "ecs"},
		{Stage: "notify", Outcome: pipeline.Passed, Started: at(309.2), Elapsed: took(0.6), Produced: "report posted"},
	})
	r.AddLog(func(stage string) []string {
		return map[string][]string{
			"test": {"03:04:05 test: starting", "03:04:53 test: done, coverage 81.0 %"},
			"ecs": {
				"03:06:42 ecs: starting", "03:06:43 ecs: registered sensor-prod-api:8", "03:06:51 ecs: 0 of 2 tasks run, 1 failed",
				"03:09:10 ecs: rolled back by the circuit breaker", "03:09:13 ecs: FAILED: deploy to ecs service sensor-prod/api: rolled back",
			},
		}[stage]
	})
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// goodDeploy is the same deploy where all goes well.
func goodDeploy(t testing.TB) record.Record {
	t.Helper()
	r := failedDeploy(t)
	results := []pipeline.Result{}
	for _, s := range r.Stages {
		result := pipeline.Result{Stage: s.Name, Outcome: pipeline.Passed, Produced: s.Produced,
			Started: r.Started.Add(time.Duration(s.Offset * float64(time.Second))), Elapsed: time.Duration(s.Seconds * float64(time.Second))}
		switch s.Name {
		case "lambda":
			result.Produced = "version 8 deployed"
		case "ecs":
			result.Elapsed, result.Produced = 68200*time.Millisecond, "sensor-prod-api:8 deployed, 2 of 2 tasks healthy"
		case "smoke":
			result.Started, result.Elapsed, result.Produced = r.Started.Add(226*time.Second), 21400*time.Millisecond, "9 checks passed, 3 anomalies found"
		case "notify":
			result.Started = r.Started.Add(247500 * time.Millisecond)
		}
		results = append(results, result)
	}
	r.Service = &record.Half{Outcome: "deployed", OK: true, Version: "sensor-prod-api:8", Previous: "sensor-prod-api:7", Runs: "sensor-prod-api:8", Seconds: 67}
	r.Function.Runs = "8"
	r.SetStages(results)
	r.Ended = r.Started.Add(248 * time.Second)
	r.AddLog(func(stage string) []string {
		return []string{"03:06:42 " + stage + ": starting", "03:07:50 " + stage + ": done"}
	})
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// tested is a pull request's run.
func tested(t testing.TB) record.Record {
	t.Helper()
	r := failedDeploy(t)
	event := trigger.Event{Name: trigger.PullRequest, Ref: "refs/pull/12/merge", SHA: commit}
	decision, err := trigger.Decide(event)
	if err != nil {
		t.Fatal(err)
	}
	r.Event, r.Ref, r.Branch, r.Decision = event.Name, event.Ref, "12", decision
	r.Target, r.Artefacts, r.Gates, r.Plan, r.Cost, r.Service, r.Function = record.Target{}, nil, nil, nil, nil, nil, nil
	r.By = record.By{Actor: "ada"}
	r.SetStages([]pipeline.Result{
		{Stage: "test", Outcome: pipeline.Passed, Started: r.Started.Add(time.Second), Elapsed: 41 * time.Second, Produced: "coverage 81.0 %"},
		{Stage: "notify", Outcome: pipeline.Passed, Started: r.Started.Add(42 * time.Second), Produced: "reported here, no webhook given"},
	})
	r.Ended = r.Started.Add(43 * time.Second)
	return r
}

// hostile are names that try to break out of where they are put.
func hostile() []string {
	return []string{
		"$(touch pwned)`id`", `quote"'quote`, "line\nbreak\r\n| a | b |", "<script>alert(1)</script>", "</pre></details><img src=x onerror=alert(1)>",
		"[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "https://evil.example www.evil.example a@evil.example", "<!channel> <@U1> &lt;", "```\n*bold* _it_ ~no~\n```",
		"\x1b[31mred\x1b[0m\x07", "main\u202egnp.exe\u200b", strings.Repeat("long-", 60), "{{.Record}} ${{ secrets.X }} ::set-output name=x::y", "\xff\xfe", "|||", "# head\n- item\n> quote",
	}
}

// poisoned is the failed deploy with a name in every place where one can be.
func poisoned(t testing.TB, name string) record.Record {
	t.Helper()
	r := failedDeploy(t)
	r.Branch, r.Ref, r.Event, r.By = name, name, name, record.By{Actor: name, URL: name}
	r.Decision.Why = name
	for i := range r.Decision.Stages {
		r.Decision.Stages[i].Why = name
	}
	for i := range r.Stages {
		r.Stages[i].Name, r.Stages[i].Produced = name, name
		if r.Stages[i].Reason != "" {
			r.Stages[i].Reason = name
		}
	}
	for i := range r.Gates {
		r.Gates[i].Name, r.Gates[i].Reason, r.Gates[i].Findings = name, name, []string{name, name}
	}
	for i := range r.Artefacts {
		r.Artefacts[i].Name = name
	}
	for i := range r.Plan.Resources {
		r.Plan.Resources[i] = record.Resource{Action: name, Address: name}
	}
	for i := range r.Stages {
		for j := range r.Stages[i].Log {
			r.Stages[i].Log[j] = name
		}
	}
	r.Service.Runs = name
	r.Service.Reason, r.Service.Version, r.Service.Previous = name, name, name
	return r
}

// golden compares with a file of testdata, or writes it if UPDATE_GOLDEN is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look, and run the tests with UPDATE_GOLDEN=1 if it is meant\ngot\n%s", path, got)
	}
}
