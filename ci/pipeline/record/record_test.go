package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/terraform"
)

const commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

func sample(t testing.TB) Record {
	t.Helper()
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id, err := NewID(started, commit, bytes.NewReader([]byte{1, 2, 3, 4}))
	if err != nil {
		t.Fatal(err)
	}
	event := trigger.Event{Name: trigger.Push, Ref: "refs/heads/main", SHA: commit}
	decision, err := trigger.Decide(event)
	if err != nil {
		t.Fatal(err)
	}
	r := Record{
		Schema: Schema, ID: id, Kind: Run, Commit: commit, Committed: started.Add(-time.Hour), Branch: "main",
		Event: event.Name, Ref: event.Ref, Decision: decision,
		Target: Target{Environment: "prod", Region: "eu-central-1", Emulated: true},
		By:     By{Actor: "ada"}, Started: started, Ended: started.Add(90 * time.Second),
		Artefacts: []Artefact{{Name: "api image", Digest: "sha256:" + strings.Repeat("ab", 32), Size: 9 << 20}},
		Gates:     []Gate{{Name: "secrets", Mode: gates.On, Verdict: gates.Passed}, {Name: "vulnerabilities", Mode: gates.Advisory, Verdict: gates.NotChecked, Reason: "no database"}},
		Plan:      &Plan{Added: 1}, Cost: &Cost{Monthly: 40, Difference: -1.5},
	}
	r.SetStages([]pipeline.Result{
		{Stage: "test", Outcome: pipeline.Passed, Started: started.Add(time.Second), Elapsed: 1500 * time.Millisecond, Produced: "coverage 81.0 %"},
		{Stage: "build", Outcome: pipeline.Failed, Started: started.Add(3 * time.Second), Elapsed: time.Second, Err: errors.New("no space\nmore")},
		{Stage: "ecs", Outcome: pipeline.Skipped, Because: "build"},
	})
	return r
}

func TestSetStages(t *testing.T) {
	t.Parallel()
	r := sample(t)
	want := []Stage{
		{Name: "test", Outcome: pipeline.Passed, Offset: 1, Seconds: 1.5, Produced: "coverage 81.0 %"},
		{Name: "build", Outcome: pipeline.Failed, Offset: 3, Seconds: 1, Reason: "no space\nmore"},
		{Name: "ecs", Outcome: pipeline.Skipped, Reason: "build did not pass"},
	}
	if !reflect.DeepEqual(r.Stages, want) || r.Outcome != pipeline.Failed {
		t.Errorf("%s, %+v", r.Outcome, r.Stages)
	}
	r.SetStages([]pipeline.Result{{Stage: "a", Outcome: pipeline.Canceled}, {Stage: "b", Outcome: pipeline.Skipped, Because: "a"}})
	if r.Outcome != pipeline.Canceled {
		t.Errorf("a canceled run is %s", r.Outcome)
	}
	r.SetStages([]pipeline.Result{{Stage: "a", Outcome: pipeline.Failed, Err: errors.New(strings.Repeat("é", 2*mostText) + "\xff")}})
	if n := len([]rune(r.Stages[0].Reason)); n != mostText {
		t.Errorf("the reason has %d characters", n)
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	r := sample(t)
	if r.ID != "20260102T030405Z-0a1b2c3d4e5f-01020304" || r.Key() != "runs/prod/"+r.ID+".json" {
		t.Errorf("%s at %s", r.ID, r.Key())
	}
	r.Target.Environment = ""
	if r.Key() != "runs/none/"+r.ID+".json" {
		t.Error(r.Key())
	}
	again, err := NewID(r.Started, commit, bytes.NewReader([]byte{1, 2, 3, 5}))
	if err != nil || again == r.ID {
		t.Errorf("a second run of the commit is %s too, %v", again, err)
	}
	if id, err := NewID(r.Started, "$(id)", bytes.NewReader(make([]byte, 4))); err != nil || !idForm.MatchString(id) {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := NewID(r.Started, commit, strings.NewReader("")); err == nil {
		t.Error("no randomness, yet a name")
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	r := sample(t)
	r.Branch = "x</script>\n$(id)"
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("</script>")) {
		t.Error("the JSON could end a script element")
	}
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v, want %+v", got, r)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	raw, err := sample(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	tests := map[string]struct{ text, want string }{
		"no JSON":       {"<html>", "this is not a run record"},
		"no schema":     {`{"id":"x"}`, `no field "schema"`},
		"newer":         {strings.Replace(good, `"schema": 4`, `"schema": 5, "new": true`, 1), "schema 5 and this program reads up to 4: use a newer version"},
		"older":         {`{"schema":0}`, "the first one is 1"},
		"unknown field": {strings.Replace(good, `"kind"`, `"colour": "red", "kind"`, 1), `unknown field "colour"`},
		"wrong type":    {strings.Replace(good, `"offset": 1`, `"offset": "1"`, 1), "does not follow schema 4"},
		"text behind":   {good + "{}", "not a run record"},
		"outcome":       {strings.Replace(good, `"outcome": "failed"`, `"outcome": "passed"`, 1), `outcome is "passed", yet its stages say failed`},
		"stage outcome": {strings.Replace(good, `"outcome": "skipped"`, `"outcome": "fine"`, 1), `stage "ecs" has the outcome "fine"`},
		"digest":        {strings.Replace(good, "sha256:ab", "ab", 1), "want a digest as sha256:HEX"},
		"gate mode":     {strings.Replace(good, `"advisory"`, `"maybe"`, 1), `gate "vulnerabilities": mode is "maybe"`},
		"gate reason":   {strings.Replace(good, `"no database"`, `""`, 1), "no reason is given"},
		"environment":   {strings.Replace(good, `"target": {`+"\n    \"environment\": \"prod\"", `"target": {"environment": "../x"`, 1), "unknown environment"},
		"id":            {strings.Replace(good, `"id": "2026`, `"id": "../2026`, 1), "id has not the form"},
		"commit":        {strings.Replace(good, `"commit": "0a`, `"commit": "xx`, 1), "is not a commit"},
		"resource":      {strings.Replace(good, `"added": 1`, `"resources": [{"action": "", "address": "aws_x.y"}], "added": 1`, 1), "the plan's resource \"aws_x.y\" has the action"},
		"time":          {strings.Replace(good, `"ended": "2026`, `"ended": "2025`, 1), "it ended at"},
		"negative":      {strings.Replace(good, `"seconds": 1.5`, `"seconds": -1`, 1), "takes -1 seconds"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.text == good {
				t.Fatal("the case changes nothing")
			}
			if _, err := Decode([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestGateOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   gates.Result
		want Gate
	}{
		{
			"passed", gates.Result{Gate: "lint", Mode: gates.On, Outcome: gates.Passed, Note: "six modules"},
			Gate{Name: "lint", Mode: gates.On, Verdict: gates.Passed},
		},
		{
			"failed", gates.Result{Gate: "lint", Mode: gates.Advisory, Outcome: gates.Failed, Note: "six modules", Findings: []gates.Finding{{Rule: "R", Message: "bad"}}},
			Gate{Name: "lint", Mode: gates.Advisory, Verdict: gates.Failed, Reason: "six modules", Findings: []string{"bad (R)"}},
		},
		{
			"not checked", gates.Result{Gate: "packages", Mode: gates.On, Outcome: gates.NotChecked, Note: "no such host"},
			Gate{Name: "packages", Mode: gates.On, Verdict: gates.NotChecked, Reason: "no such host"},
		},
		{
			"off", gates.Result{Gate: "packages", Mode: gates.Off, Outcome: gates.Skipped},
			Gate{Name: "packages", Mode: gates.Off, Verdict: gates.NotChecked, Reason: "switched off"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := GateOf(tt.in)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			r := sample(t)
			r.Gates = []Gate{got}
			if _, err := r.Encode(); err != nil {
				t.Errorf("a record with it cannot be written: %v", err)
			}
		})
	}
}

func TestHalves(t *testing.T) {
	t.Parallel()
	if HalfOf(rollout.Summary{}) != nil {
		t.Error("nothing was deployed, yet there is a verdict")
	}
	s := HalfOf(rollout.Summary{Outcome: rollout.RolledBack, Version: "api:7", Previous: "api:6", Elapsed: 2 * time.Second, Reason: "tasks failed", Open: true, Changed: "a, b"})
	if want := (Half{Outcome: "rolled back", Version: "api:7", Previous: "api:6", Seconds: 2, Reason: "tasks failed", Open: true, Changed: "a, b"}); *s != want {
		t.Errorf("%+v", *s)
	}
	f := HalfOf(rollout.Summary{Outcome: rollout.Completed, Version: "8", Previous: "7"})
	if want := (Half{Outcome: "deployed", OK: true, Version: "8", Previous: "7", Runs: "8"}); *f != want {
		t.Errorf("%+v", *f)
	}
}

// TestRuns says what runs after each end of a deploy, and nothing where that is open.
func TestRuns(t *testing.T) {
	t.Parallel()
	for _, o := range rollout.Outcomes() {
		want := map[rollout.Outcome]string{
			rollout.Completed: "8", rollout.Unchanged: "8", rollout.RolledBack: "7", rollout.VerificationFailed: "7", rollout.NotStarted: "7",
		}[o]
		s := rollout.Summary{Outcome: o, Version: "8", Previous: "7"}
		if got := HalfOf(s).Runs; got != want {
			t.Errorf("%s: %q runs, want %q", o, got, want)
		}
		s.Open = true
		if got := HalfOf(s).Runs; got != "" {
			t.Errorf("%s, open: %q runs, and that is not known", o, got)
		}
	}
}

func TestPlanOf(t *testing.T) {
	t.Parallel()
	if PlanOf(terraform.Summary{Changes: []string{"create aws_x.y"}}) != nil {
		t.Error("a plan without a summary is none")
	}
	got := PlanOf(terraform.Summary{Seen: true, Add: 2, Change: 1, Remove: 1, Changes: []string{
		"create aws_sns_topic.alerts", "noop aws_vpc.main", "read data.aws_x.y", "replace aws_x.y[\"a b\"]", "update aws_z.w",
		"create aws_sns_topic.alerts",
	}})
	want := &Plan{Added: 2, Changed: 1, Destroyed: 1, Resources: []Resource{
		{"create", "aws_sns_topic.alerts"}, {"replace", `aws_x.y["a b"]`}, {"update", "aws_z.w"},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAddLog(t *testing.T) {
	t.Parallel()
	r := sample(t)
	r.AddLog(func(stage string) []string {
		if stage == "build" {
			return []string{"12:00:00 build: starting", strings.Repeat("x", 2*mostText)}
		}
		return nil
	})
	if log := r.Stages[1].Log; len(log) != 2 || len(log[1]) > mostText+3 || r.Stages[0].Log != nil {
		t.Errorf("%q, %q", r.Stages[0].Log, log)
	}
	if raw, err := r.Encode(); err != nil {
		t.Errorf("%v\n%s", err, raw)
	}
}

// TestOlderSchemasAreRead reads a record as the versions before wrote it.
func TestOlderSchemasAreRead(t *testing.T) {
	t.Parallel()
	raw, err := sample(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, older := range []string{`"schema": 1`, `"schema": 2`, `"schema": 3`} {
		if r, err := Decode(bytes.Replace(raw, []byte(`"schema": 4`), []byte(older), 1)); err != nil || r.Schema != Schema {
			t.Errorf("%s: schema %d, %v", older, r.Schema, err)
		}
	}
}

// TestSchemaIsDescribed makes sure that no field is added without a word.
func TestSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("schema.md")
	if err != nil {
		t.Fatal(err)
	}
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			look(typ.Elem())
		case reflect.Struct:
			if typ == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range typ.NumField() {
				field := typ.Field(i)
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if !bytes.Contains(text, fmt.Appendf(nil, "`%s`", name)) {
					t.Errorf("schema.md does not describe %s.%s, %q", typ, field.Name, name)
				}
				look(field.Type)
			}
		}
	}
	look(reflect.TypeFor[Record]())
}

func FuzzDecode(f *testing.F) {
	raw, err := sample(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"schema":1}`))
	f.Add([]byte(`{"schema":1e3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Decode(text)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil || !json.Valid(again) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := Decode(again); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
