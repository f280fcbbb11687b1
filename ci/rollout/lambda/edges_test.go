package lambda

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestRestoreFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.versions["2"] = &fakeCode{sha: "new", state: types.StateActive, update: types.LastUpdateStatusSuccessful}
		f.versions["3"] = &fakeCode{sha: "bad", state: types.StateFailed, reason: "init"}
		f.aliases["PROD"].weights = map[string]float64{"2": 0.5}
		fns := Functions{Lambda: f}
		to := func(version, sha string) State {
			return State{Function: "p", Alias: "PROD", Version: version, CodeSHA256: sha, Weights: map[string]float64{"1": 0.1}}
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
	for says, req := range map[string]Request{
		"must be given":             {Alias: "PROD", Zip: []byte("x")},
		"given once":                {Function: "p", Alias: "PROD"},
		"as an object in S3":        {Function: "p", Alias: "PROD", Zip: []byte("x"), Image: "r@sha256:" + strings.Repeat("a", 64)},
		"name it by digest":         {Function: "p", Alias: "PROD", Image: "r:latest"},
		"a bucket and a key":        {Function: "p", Alias: "PROD", Object: Object{Bucket: "b"}},
		"put it in a bucket":        {Function: "p", Alias: "PROD", Zip: make([]byte, lambdazip.MaxDirectUpload+1)},
		"give a zip or an object":   {Function: "p", Alias: "PROD", Image: "r@sha256:" + strings.Repeat("a", 64)},
		"give a share above 0 and ": {Function: "p", Alias: "PROD", Zip: []byte("x"), Canary: Canary{Bake: time.Second}},
	} {
		if _, err := (Functions{Lambda: f}).Deploy(t.Context(), req); err == nil || !strings.Contains(err.Error(), says) {
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
		f.latest.update, f.updateDone = types.LastUpdateStatusInProgress, time.Now().Add(20*time.Second)
		f.refuse["PublishVersion"] = rollouttest.Times(1, 2, "ResourceConflictException")
		f.refuse["DeleteFunction"] = rollouttest.Times(1, 9, "AccessDeniedException")
		f.versions["0"] = &fakeCode{}
		var said []string
		fns := Functions{Lambda: f, Env: poll.Env{Progress: func(l string) { said = append(said, l) }}}
		res, err := fns.Deploy(t.Context(), Request{Function: "p", Alias: "PROD", Zip: mustZip("new"), Keep: 1})
		if err != nil || res.Outcome != rollout.Completed || f.calls["UpdateFunctionCode"] != 1 || f.calls["PublishVersion"] != 3 {
			t.Errorf("%+v, %v, %v", res, err, f.calls)
		}
		if !strings.Contains(strings.Join(said, "\n"), "old version 0 is left") {
			t.Errorf("said %q", said)
		}
	})
}

func TestPublishOvertakenWhileBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.refuse["PublishVersion"] = rollouttest.Times(1, 1, "ResourceConflictException")
		f.before["PublishVersion"] = func(f *fakeLambda, _ int) { f.latest.sha = "theirs" }
		res, err := (Functions{Lambda: f}).Deploy(t.Context(), Request{Function: "p", Alias: "PROD", Zip: mustZip("new")})
		if res.Outcome != rollout.Superseded || err == nil {
			t.Errorf("%q, %v", res.Outcome, err)
		}
	})
}

func TestSummary(t *testing.T) {
	t.Parallel()
	got := Result{Outcome: rollout.Completed, Version: "8", Previous: State{Version: "7"}, Elapsed: time.Second, Changed: []string{"a", "b"}}.Summary()
	if want := (rollout.Summary{Outcome: rollout.Completed, Version: "8", Previous: "7", Elapsed: time.Second, Open: true, Changed: "a, b"}); got != want {
		t.Errorf("%+v", got)
	}
}

// TestFence bars a change in the middle of a deploy: none is made after that.
func TestFence(t *testing.T) {
	t.Parallel()
	lost := errors.New("the lock deploy/sensor-dev was lost: it is held by bob")
	for _, c := range []struct {
		// allowed is how many changes the fence lets through.
		allowed int
		canary  Canary
		want    rollout.Outcome
		changed []string
	}{
		{0, Canary{}, rollout.NotStarted, nil},
		{1, Canary{}, rollout.Failed, []string{"code uploaded"}},
		{2, Canary{}, rollout.Failed, []string{"code uploaded", "version 2 published"}},
		{3, Canary{}, rollout.Completed, []string{"code uploaded", "version 2 published", "alias PROD set to version 2"}},
		{3, Canary{Weight: 0.1, Bake: time.Minute}, rollout.RollbackFailed, []string{"code uploaded", "version 2 published", "alias PROD set to version 1 with 10 % of the traffic for version 2"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeLambda(mustZip("old"))
			asked := 0
			fns := Functions{Lambda: f, Env: poll.Env{Fence: func(context.Context) error {
				if asked++; asked > c.allowed {
					return lost
				}
				return nil
			}}}
			res, err := fns.Deploy(t.Context(), Request{Function: "p", Alias: "PROD", Zip: mustZip("new"), Canary: c.canary, Timeout: time.Minute})
			if res.Outcome != c.want || !slices.Equal(res.Changed, c.changed) || !res.Ended {
				t.Errorf("after %d changes: %q, %q, ended %t, %v", c.allowed, res.Outcome, res.Changed, res.Ended, err)
			}
			if c.want != rollout.Completed && (err == nil || !strings.Contains(err.Error(), lost.Error())) {
				t.Errorf("after %d changes: %v", c.allowed, err)
			}
			if done := f.calls["UpdateFunctionCode"] + f.calls["PublishVersion"] + f.calls["UpdateAlias"]; done != c.allowed {
				t.Errorf("%d changes were made, %d were allowed", done, c.allowed)
			}
		})
	}
}

// TestLostLock ends a deploy whose context was canceled with a cause, and says the
// cause.
func TestLostLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(mustZip("old"))
		f.activating = time.Hour
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Second, func() { cancel(errors.New("the lock was lost")) })
		res, err := (Functions{Lambda: f}).Deploy(ctx, Request{Function: "p", Alias: "PROD", Zip: mustZip("new")})
		if res.Outcome != rollout.Failed || err == nil || !strings.Contains(err.Error(), "the lock was lost") || !res.Ended {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

// TestMoved says whether there is something to restore.
func TestMoved(t *testing.T) {
	t.Parallel()
	half := map[string]float64{"2": 0.5}
	for _, c := range []struct {
		r    Result
		want bool
	}{
		{Result{Version: "1", Previous: State{Version: "1"}}, false},
		{Result{Version: "2", Previous: State{Version: "1"}}, true},
		{Result{Version: "1", Weights: half, Previous: State{Version: "1"}}, true},
		{Result{Version: "1", Weights: half, Previous: State{Version: "1", Weights: half}}, false},
	} {
		if c.r.Moved() != c.want {
			t.Errorf("%+v: %t", c.r, c.r.Moved())
		}
	}
}

// TestAnAWSWithoutProvisionedConcurrency has an AWS that does not know the operation:
// there is none then.
func TestAnAWSWithoutProvisionedConcurrency(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusNotImplemented} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<h1>Not Found</h1>"))
		}))
		defer server.Close()
		client := lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})
		d := Functions{Lambda: client}.begin(Request{Function: "p", Alias: "PROD"})
		if p, err := d.readProvisioned(t.Context()); p != nil || err != nil || d.provisioned {
			t.Errorf("%d: %v, %v", status, p, err)
		}
	}
}
