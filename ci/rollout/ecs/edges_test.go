package ecs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func services(f *fakeECS) Services { return Services{ECS: f, Logs: f} }

// TestPrepare wants the preparation to see the new revision before the service
// does, and its failure to leave the service alone.
func TestPrepare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.script = []scriptStep{at(20, completes)}
		var fails error
		calls := 0
		deploy := func() (Result, error) {
			return services(f).Deploy(t.Context(), Request{
				Cluster: "c", Service: "api", Container: "api", Image: newDigest,
				Prepare: func(_ context.Context, svc types.Service, td types.TaskDefinition) error {
					calls++
					if aws.ToString(svc.TaskDefinition) == aws.ToString(td.TaskDefinitionArn) || aws.ToString(td.ContainerDefinitions[0].Image) != newDigest || f.calls["UpdateService"] != 0 {
						t.Errorf("called for %+v", td)
					}
					return fails
				},
			})
		}
		fails = errors.New("no")
		res, err := deploy()
		if res.Outcome != rollout.Failed || !errors.Is(err, fails) || f.calls["UpdateService"] != 0 || !slices.Equal(res.Changed, []string{"revision api:2 registered"}) || !res.Ended {
			t.Errorf("a revision was registered: %+v, %v", res, err)
		}
		// Now the revision is there, so that nothing is changed.
		if res, err := deploy(); res.Outcome != rollout.NotStarted || !errors.Is(err, fails) || res.Changed != nil {
			t.Errorf("%+v, %v", res, err)
		}
		fails = &rollout.Error{Outcome: rollout.Failed, Subject: "task"}
		if res, err := deploy(); res.Outcome != rollout.Failed || !errors.Is(err, fails) || f.calls["UpdateService"] != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		fails = nil
		if res, err := deploy(); err != nil || res.Outcome != rollout.Completed || calls != 4 {
			t.Errorf("%+v, %v, %d calls", res, err, calls)
		}
		// What runs already needs no preparation.
		if res, err := deploy(); err != nil || res.Outcome != rollout.Unchanged || calls != 4 {
			t.Errorf("%+v, %v, %d calls", res, err, calls)
		}
	})
}

func TestRestoreService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		before, err := services(f).Current(t.Context(), "c", "api")
		if err != nil || !before.Settled || before.Since.IsZero() || before.TaskDefinition != f.previous() {
			t.Fatalf("%+v, %v", before, err)
		}
		if res, err := services(f).Restore(t.Context(), before, FollowOptions{}); err != nil || res.Outcome != rollout.Unchanged || f.calls["UpdateService"] != 0 {
			t.Errorf("what runs already: %+v, %v", res, err)
		}
		second := f.define(newDigest)
		f.script = []scriptStep{at(20, completes)}
		res, err := services(f).Restore(t.Context(), State{Cluster: "c", Service: "api", TaskDefinition: second, Settled: true}, FollowOptions{})
		if err != nil || res.Outcome != rollout.Completed || res.TaskDefinition != second {
			t.Errorf("%+v, %v", res, err)
		}
		if images, err := services(f).Images(t.Context(), second); err != nil || !slices.Contains(images, ContainerImage{"api", newDigest}) {
			t.Errorf("%q, %v", images, err)
		}
		if res, err := services(f).Restore(t.Context(), State{TaskDefinition: second}, FollowOptions{}); err != nil || res.Outcome != rollout.Unchanged {
			t.Errorf("nothing had ever run: %+v, %v", res, err)
		}
		gone := f.defs[second]
		gone.Status = types.TaskDefinitionStatusInactive
		f.defs[second] = gone
		for td, says := range map[string]string{second: "is deregistered", "api:99": "read task definition api:99"} {
			_, err := services(f).Restore(t.Context(), State{Cluster: "c", Service: "api", TaskDefinition: td, Settled: true}, FollowOptions{})
			if rollout.ExitCode(err) != rollout.NotStarted.ExitCode() || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", td, err)
			}
		}
	})
}

func TestCurrentDuringADeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.deploy(f.define(newDigest), 2)
		st, err := services(f).Current(t.Context(), "c", "api")
		if err != nil || !st.Settled || st.TaskDefinition != f.previous() || st.Coming != f.latest {
			t.Errorf("what completed before counts: %+v, %v", st, err)
		}
	})
}

// TestRefusedRequests are mistakes that are refused before any call changes
// anything.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	good := Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest}
	for _, c := range []struct {
		name, says string
		change     func(*Request, *fakeECS)
	}{
		{"no container", "no container is named", func(r *Request, _ *fakeECS) { r.Container = "" }},
		{"tag", "is not named by digest", func(r *Request, _ *fakeECS) { r.Image = "host/api:latest" }},
		{"other container", "has no container \"web\", it has: api", func(r *Request, _ *fakeECS) { r.Container = "web" }},
		{"no service", "it does not exist; run apply first", func(_ *Request, f *fakeECS) {
			f.refuse["DescribeServices"] = rollouttest.Times(1, 999, "ServiceNotFoundException")
		}},
		{"no cluster", "there is no cluster c", func(_ *Request, f *fakeECS) {
			f.refuse["DescribeServices"] = rollouttest.Times(1, 999, "ClusterNotFoundException")
		}},
		{"always throttled", "ThrottlingException", func(_ *Request, f *fakeECS) {
			f.refuse["DescribeServices"] = rollouttest.Times(1, 999, "ThrottlingException")
		}},
		{"draining", "it is DRAINING", func(_ *Request, f *fakeECS) { f.svc.Status = aws.String("DRAINING") }},
		{"CodeDeploy", "deployment controller is CODE_DEPLOY", func(_ *Request, f *fakeECS) {
			f.svc.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
		}},
		{"register denied", "register a revision", func(_ *Request, f *fakeECS) {
			f.refuse["RegisterTaskDefinition"] = rollouttest.Times(1, 9, "AccessDeniedException")
		}},
		{"read denied", "read task definition", func(_ *Request, f *fakeECS) {
			f.refuse["DescribeTaskDefinition"] = rollouttest.Times(1, 9, "AccessDeniedException")
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, req := newFakeECS(), good
			c.change(&req, f)
			res, err := services(f).Deploy(t.Context(), req)
			if res.Outcome != rollout.NotStarted || err == nil || !strings.Contains(err.Error(), c.says) || f.calls["UpdateService"] != 0 {
				t.Errorf("%s: %q, %v, does not say %q", c.name, res.Outcome, err, c.says)
			}
		})
	}
}

// TestRunningIsNotTheLatest finds the revision that runs, so that a deploy of
// the same image is nothing to do although the family went on.
func TestRunningIsNotTheLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.define(newDigest)
		res, err := services(f).Deploy(t.Context(), Request{Cluster: "c", Service: "api", Container: "api", Image: oldDigest})
		if err != nil || res.Outcome != rollout.Unchanged || f.calls["RegisterTaskDefinition"] != 0 {
			t.Errorf("%+v, %v, %v", res.Outcome, err, f.calls)
		}
	})
}

func TestDiagnosisTellsLikeTasksOnce(t *testing.T) {
	t.Parallel()
	one := 1
	task := TaskFailure{Task: "t1", Reason: "Essential container in task exited", Containers: []ContainerFailure{{Name: "api", ExitCode: &one}}, Log: []string{"panic"}}
	same := task
	same.Task = "t2"
	got := Diagnosis{Tasks: []TaskFailure{task, same, {Task: "t3"}}, Events: []string{"unable to start"}}.Lines()
	want := []string{
		"task t1 stopped: Essential container in task exited; container api exit code 1 (and 1 more like it)", "  log: panic",
		"task t3 stopped: no reason given", "event: unable to start",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	got := Result{
		Outcome: rollout.RolledBack, TaskDefinition: "arn:aws:ecs:eu-central-1:1:task-definition/api:7", Elapsed: 2 * time.Second, Reason: "tasks failed", Ended: true,
		Previous: State{TaskDefinition: "arn:aws:ecs:eu-central-1:1:task-definition/api:6"},
	}.Summary()
	if want := (rollout.Summary{Outcome: rollout.RolledBack, Version: "api:7", Previous: "api:6", Elapsed: 2 * time.Second, Reason: "tasks failed"}); got != want {
		t.Errorf("%+v", got)
	}
}
