package ecs

import (
	"strings"
	"testing"

	"sensor-backend/emulator/ecs/scheduler"
)

const runMigrate = `{"cluster":"main","taskDefinition":"api:2","startedBy":"pipeline",
	"overrides":{"containerOverrides":[{"name":"api","command":["migrate"],"environment":[{"name":"A","value":"b"}]}]}}`

func (b *bench) runTask(body string) (taskView, *fakeTask) {
	b.t.Helper()
	out := call[struct{ Tasks []taskView }](b, "RunTask", body)
	if len(out.Tasks) != 1 {
		b.t.Fatalf("%d tasks are run", len(out.Tasks))
	}
	return out.Tasks[0], b.tasks[len(b.tasks)-1]
}

func TestRunTask(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, running := b.runTask(runMigrate)
	override := running.spec.Overrides["api"]
	if running.spec.Definition != definition+"api:2" || running.spec.Service != "" || len(running.spec.LoadBalancers) != 0 ||
		strings.Join(override.Command, " ") != "migrate" || override.Environment[0].Value != "b" {
		t.Errorf("started was %+v", running.spec)
	}
	if first.Last != "PENDING" || first.Group != "family:api" || first.StartedBy != "pipeline" || !strings.HasSuffix(first.ARN, "/main/"+running.spec.ID) {
		t.Errorf("the task is %+v", first)
	}
	running.become(scheduler.Pulled, scheduler.Launched, scheduler.Unhealthy)
	if got := b.described(first.ARN); got.Last != "RUNNING" || got.Health != "UNHEALTHY" || running.isStopped() {
		t.Errorf("running, it is %+v", got)
	}
	for filter, want := range map[string]int{
		``: 1, `,"startedBy":"pipeline"`: 1, `,"startedBy":"none"`: 0, `,"family":"other"`: 0, `,"desiredStatus":"STOPPED"`: 0,
	} {
		if got := b.listed(filter); got != want {
			t.Errorf("%q lists %d tasks, want %d", filter, got, want)
		}
	}
	if whole, ok := b.TaskMetadata(running.spec.ID); !ok {
		t.Errorf("its metadata are %v", whole)
	}
	running.become(scheduler.Ended)
	got := b.described(first.ARN)
	if got.Last != "STOPPED" || got.StopCode != "EssentialContainerExited" || *got.Containers[0].ExitCode != 3 {
		t.Errorf("ended, it is %+v", got)
	}
	if started := b.step(); len(started) != 0 {
		t.Error("something was started in its place")
	}
	out := call[struct {
		Tasks []struct{ Overrides map[string]any }
	}](b, "DescribeTasks", `{"cluster":"main","tasks":["`+first.ARN+`"]}`)
	if out.Tasks[0].Overrides["containerOverrides"] == nil {
		t.Errorf("its overrides are %v", out.Tasks[0].Overrides)
	}

	// After an hour it is forgotten.
	b.now = b.now.Add(keepStopped * 2)
	b.runTask(runMigrate)
	if gone := call[struct{ Failures []any }](b, "DescribeTasks", `{"cluster":"main","tasks":["`+first.ARN+`"]}`); len(gone.Failures) != 1 {
		t.Errorf("%+v", gone)
	}
}

func TestStopStandaloneTask(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, running := b.runTask(`{"cluster":"main","taskDefinition":"api:2","group":"mine"}`)
	running.become(scheduler.Pulled, scheduler.Launched)
	for range 2 {
		call[any](b, "StopTask", `{"cluster":"main","task":"`+first.ARN+`","reason":"because"}`)
	}
	b.end()
	if got := b.described(first.ARN); !running.isStopped() || got.Last != "STOPPED" || got.StopCode != "UserInitiated" || got.Reason != "because" || got.Group != "mine" {
		t.Errorf("it is %+v", got)
	}
}

func TestRunTaskRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for body, want := range map[string]string{
		`{"taskDefinition":1}`:                                                           "InvalidParameterException",
		`{"taskDefinition":"api:1","count":11}`:                                          "between 1 and 10",
		`{"taskDefinition":"api:1","cluster":"none"}`:                                    "ClusterNotFoundException",
		`{"taskDefinition":"none"}`:                                                      "Unable to describe task definition",
		`{"taskDefinition":"old"}`:                                                       "TaskDefinition is inactive",
		`{"taskDefinition":"api:1","overrides":[]}`:                                      "reading the overrides",
		`{"taskDefinition":"api:1","overrides":{"containerOverrides":[{"name":"web"}]}}`: "Override for container named web",
	} {
		if _, err := b.Call(t.Context(), region, "RunTask", []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	if len(b.tasks) != 0 {
		t.Error("a task was started")
	}
}
