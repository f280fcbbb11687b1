package rollout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestEachOutcomeHasItsExitCode(t *testing.T) {
	t.Parallel()
	seen := map[int]rollout.Outcome{}
	for _, o := range rollout.Outcomes() {
		err := error(&rollout.Error{Outcome: o, Subject: "x", Reason: "why", Next: "do", Err: context.Canceled})
		code := rollout.ExitCode(err)
		if other, ok := seen[code]; ok && !o.OK() {
			t.Errorf("%q and %q share exit code %d", o, other, code)
		}
		seen[code] = o
		if o.OK() != (code == 0) || code == 1 || code == 2 {
			t.Errorf("%q has exit code %d", o, code)
		}
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "why: context canceled\nnext: do") {
			t.Errorf("%q", err)
		}
	}
	if rollout.ExitCode(nil) != 0 || rollout.ExitCode(errors.New("x")) != 1 {
		t.Error("an error without an outcome ends with 1, none with 0")
	}
}

func services(f *fakeECS) rollout.Services { return rollout.Services{ECS: f, Logs: f} }

// TestPrepare wants the preparation to see the new revision before the service
// does, and its failure to leave the service alone.
func TestPrepare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.script = []step{at(20, completes)}
		var fails error
		calls := 0
		deploy := func() (rollout.ServiceResult, error) {
			return services(f).Deploy(t.Context(), rollout.ServiceRequest{
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
		if res, err := deploy(); res.Outcome != rollout.NotStarted || !errors.Is(err, fails) || f.calls["UpdateService"] != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		fails = &rollout.Error{Outcome: rollout.Failed, Subject: "task"}
		if res, err := deploy(); res.Outcome != rollout.Failed || !errors.Is(err, fails) || f.calls["UpdateService"] != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		fails = nil
		if res, err := deploy(); err != nil || res.Outcome != rollout.Completed || calls != 3 {
			t.Errorf("%+v, %v, %d calls", res, err, calls)
		}
		// What runs already needs no preparation.
		if res, err := deploy(); err != nil || res.Outcome != rollout.Unchanged || calls != 3 {
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
		if res, err := services(f).Restore(t.Context(), before, rollout.FollowOptions{}); err != nil || res.Outcome != rollout.Unchanged || f.calls["UpdateService"] != 0 {
			t.Errorf("what runs already: %+v, %v", res, err)
		}
		second := f.define(newDigest)
		f.script = []step{at(20, completes)}
		res, err := services(f).Restore(t.Context(), rollout.ServiceState{Cluster: "c", Service: "api", TaskDefinition: second, Settled: true}, rollout.FollowOptions{})
		if err != nil || res.Outcome != rollout.Completed || res.TaskDefinition != second {
			t.Errorf("%+v, %v", res, err)
		}
		if image, err := services(f).Image(t.Context(), second, "api"); err != nil || image != newDigest {
			t.Errorf("%q, %v", image, err)
		}
		if res, err := services(f).Restore(t.Context(), rollout.ServiceState{TaskDefinition: second}, rollout.FollowOptions{}); err != nil || res.Outcome != rollout.Unchanged {
			t.Errorf("nothing had ever run: %+v, %v", res, err)
		}
		gone := f.defs[second]
		gone.Status = types.TaskDefinitionStatusInactive
		f.defs[second] = gone
		for td, says := range map[string]string{second: "is deregistered", "api:99": "read task definition api:99"} {
			_, err := services(f).Restore(t.Context(), rollout.ServiceState{Cluster: "c", Service: "api", TaskDefinition: td, Settled: true}, rollout.FollowOptions{})
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

// TestRefusedRequests are mistakes that are told before any call changes
// anything.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	good := rollout.ServiceRequest{Cluster: "c", Service: "api", Container: "api", Image: newDigest}
	for _, c := range []struct {
		name, says string
		change     func(*rollout.ServiceRequest, *fakeECS)
	}{
		{"no container", "no container is named", func(r *rollout.ServiceRequest, _ *fakeECS) { r.Container = "" }},
		{"tag", "is not named by digest", func(r *rollout.ServiceRequest, _ *fakeECS) { r.Image = "host/api:latest" }},
		{"other container", "has no container \"web\", it has: api", func(r *rollout.ServiceRequest, _ *fakeECS) { r.Container = "web" }},
		{"no service", "it does not exist; run apply first", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.refuse["DescribeServices"] = times(1, 999, "ServiceNotFoundException")
		}},
		{"no cluster", "there is no cluster c", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.refuse["DescribeServices"] = times(1, 999, "ClusterNotFoundException")
		}},
		{"always throttled", "ThrottlingException", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.refuse["DescribeServices"] = times(1, 999, "ThrottlingException")
		}},
		{"draining", "it is DRAINING", func(_ *rollout.ServiceRequest, f *fakeECS) { f.svc.Status = aws.String("DRAINING") }},
		{"CodeDeploy", "deployment controller is CODE_DEPLOY", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.svc.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
		}},
		{"register denied", "register a revision", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.refuse["RegisterTaskDefinition"] = times(1, 9, "AccessDeniedException")
		}},
		{"read denied", "read task definition", func(_ *rollout.ServiceRequest, f *fakeECS) {
			f.refuse["DescribeTaskDefinition"] = times(1, 9, "AccessDeniedException")
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
		res, err := services(f).Deploy(t.Context(), rollout.ServiceRequest{Cluster: "c", Service: "api", Container: "api", Image: oldDigest})
		if err != nil || res.Outcome != rollout.Unchanged || f.calls["RegisterTaskDefinition"] != 0 {
			t.Errorf("%+v, %v, %v", res.Outcome, err, f.calls)
		}
	})
}

func TestDiagnosisTellsLikeTasksOnce(t *testing.T) {
	t.Parallel()
	one := 1
	task := rollout.TaskFailure{Task: "t1", Reason: "Essential container in task exited", Containers: []rollout.ContainerFailure{{Name: "api", ExitCode: &one}}, Log: []string{"panic"}}
	same := task
	same.Task = "t2"
	got := rollout.Diagnosis{Tasks: []rollout.TaskFailure{task, same, {Task: "t3"}}, Events: []string{"unable to start"}}.Lines()
	want := []string{
		"task t1 stopped: Essential container in task exited; container api exit code 1 (and 1 more like it)", "  log: panic",
		"task t3 stopped: no reason given", "event: unable to start",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestRestoreFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.versions["2"] = &fakeCode{sha: "new", state: lambdatypes.StateActive, update: lambdatypes.LastUpdateStatusSuccessful}
		f.versions["3"] = &fakeCode{sha: "bad", state: lambdatypes.StateFailed, reason: "init"}
		f.aliases["PROD"].weights = map[string]float64{"2": 0.5}
		fns := rollout.Functions{Lambda: f}
		to := func(version, sha string) rollout.FunctionState {
			return rollout.FunctionState{Function: "p", Alias: "PROD", Version: version, CodeSHA256: sha, Weights: map[string]float64{"1": 0.1}}
		}
		res, err := fns.Restore(t.Context(), to("2", "new"), 0)
		if err != nil || res.Outcome != rollout.Completed || strings.Join(f.history, " ") != "2map[]" {
			t.Errorf("%+v, %v, %v", res, err, f.history)
		}
		if res, err := fns.Restore(t.Context(), to("2", ""), time.Minute); err != nil || res.Outcome != rollout.Unchanged {
			t.Errorf("again: %+v, %v", res, err)
		}
		if res, err := fns.Restore(t.Context(), to("", ""), 0); err != nil || res.Outcome != rollout.Unchanged {
			t.Errorf("no alias then: %+v, %v", res, err)
		}
		for version, want := range map[string]rollout.Outcome{"3": rollout.Failed, "9": rollout.NotStarted} {
			if res, err := fns.Restore(t.Context(), to(version, ""), 0); res.Outcome != want || err == nil {
				t.Errorf("version %s: %q, %v", version, res.Outcome, err)
			}
		}
		if res, _ := fns.Restore(t.Context(), to("1", "other code"), 0); res.Outcome != rollout.Superseded {
			t.Errorf("a version with other code: %q", res.Outcome)
		}
	})
}

func TestFunctionRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	f := newFakeLambda(mustZip("old"))
	for says, req := range map[string]rollout.FunctionRequest{
		"must be given":             {Alias: "PROD", Zip: []byte("x")},
		"neither arm64 nor x86_64":  {Function: "p", Alias: "PROD", Zip: []byte("x"), Architecture: "mips"},
		"give a share above 0 and ": {Function: "p", Alias: "PROD", Zip: []byte("x"), Canary: rollout.Canary{Bake: time.Second}},
	} {
		if _, err := (rollout.Functions{Lambda: f}).Deploy(t.Context(), req); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
}

// TestWaitsForAnUpdateUnderWay does not change a function that is being
// changed, nor publish one that was.
func TestWaitsForAnUpdateUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.latest.update, f.updateDone = lambdatypes.LastUpdateStatusInProgress, time.Now().Add(20*time.Second)
		f.refuse["PublishVersion"] = times(1, 2, "ResourceConflictException")
		f.refuse["DeleteFunction"] = times(1, 9, "AccessDeniedException")
		f.versions["0"] = &fakeCode{}
		var said []string
		fns := rollout.Functions{Lambda: f, Env: rollout.Env{Progress: func(l string) { said = append(said, l) }}}
		res, err := fns.Deploy(t.Context(), rollout.FunctionRequest{Function: "p", Alias: "PROD", Zip: mustZip("new"), Architecture: "ARM64", Keep: 1})
		if err != nil || res.Outcome != rollout.Completed || f.calls["UpdateFunctionCode"] != 1 || f.calls["PublishVersion"] != 3 {
			t.Errorf("%+v, %v, %v", res, err, f.calls)
		}
		if !strings.Contains(strings.Join(said, "\n"), "old version 0 is left") {
			t.Errorf("said %q", said)
		}
	})
}

func TestArchitectureChangesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		res, err := (rollout.Functions{Lambda: f}).Deploy(t.Context(), rollout.FunctionRequest{Function: "p", Alias: "PROD", Zip: mustZip("old"), Architecture: "x86_64"})
		if err == nil && res.Uploaded {
			return
		}
		t.Errorf("the same code for another processor was not uploaded: %+v, %v", res, err)
	})
}

func TestPublishOvertakenWhileBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.refuse["PublishVersion"] = times(1, 1, "ResourceConflictException")
		f.before["PublishVersion"] = func(f *fakeLambda, _ int) { f.latest.sha = "theirs" }
		res, err := (rollout.Functions{Lambda: f}).Deploy(t.Context(), rollout.FunctionRequest{Function: "p", Alias: "PROD", Zip: mustZip("new")})
		if res.Outcome != rollout.Superseded || err == nil {
			t.Errorf("%q, %v", res.Outcome, err)
		}
	})
}
