//go:build integration

package ecs

import (
	"context"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"
)

// TestEmulatedService deploys to a service in the emulated AWS, which really runs
// the images: one flow after another.
func TestEmulatedService(t *testing.T) {
	e := newEmulated(t, rolling())
	t.Run("new image", func(t *testing.T) {
		res := e.deploy(t, "good-2", rollout.Completed, FollowOptions{})
		if !res.Registered || res.ServiceDeployment == "" {
			t.Errorf("result %+v", res)
		}
	})
	t.Run("nothing to do", func(t *testing.T) { e.deploy(t, "good-2", rollout.Unchanged, FollowOptions{}) })
	t.Run("crash, rolled back", func(t *testing.T) {
		e.deploy(t, "crash", rollout.RolledBack, FollowOptions{})
		e.Shows(t, "container api exit code 2", "panic: no database on purpose")
	})
	t.Run("crash, rolled back by the breaker", func(t *testing.T) {
		res := e.deploy(t, "crash-2", rollout.RolledBack, FollowOptions{FailFast: 1000})
		if !strings.Contains(res.Reason, "circuit breaker") {
			t.Errorf("reason %q", res.Reason)
		}
	})
	t.Run("never healthy, rolled back", func(t *testing.T) {
		e.deploy(t, "deaf", rollout.RolledBack, FollowOptions{FailFast: 2})
	})
	t.Run("slow start", func(t *testing.T) { e.deploy(t, "slow", rollout.Completed, FollowOptions{}) })
	t.Run("throttled", func(t *testing.T) {
		rollouttest.Faults(t, `{"faults":[{"kind":"throttle","operation":"ecs:DescribeServices","times":8},{"kind":"throttle","operation":"ecs:UpdateService","times":4}]}`)
		e.deploy(t, "good-3", rollout.Completed, FollowOptions{})
	})
	t.Run("image that is not there", func(t *testing.T) {
		res, err := e.services.Deploy(t.Context(), Request{
			Cluster: e.name, Service: e.name, Container: "api", Image: e.repository + "@sha256:" + strings.Repeat("0", 64),
		})
		if res.Outcome != rollout.RolledBack {
			t.Fatalf("outcome %q: %v\n%s", res.Outcome, err, e.Said())
		}
		e.Shows(t, "CannotPullContainerError")
	})
	t.Run("second deploy in the middle", func(t *testing.T) {
		e.Forget()
		hangs := e.request(t, "hangs", FollowOptions{})
		_, digest, _ := strings.Cut(hangs.Image, "@")
		rollouttest.Faults(t, `{"kind":"task-hang","image":"`+digest+`"}`)
		first := make(chan error, 1)
		go func() {
			_, err := e.services.Deploy(t.Context(), hangs)
			first <- err
		}()
		e.Awaits(t, "0 of 2 running")
		e.deploy(t, "good-4", rollout.Completed, FollowOptions{})
		if err := <-first; rollout.ExitCode(err) != rollout.Superseded.ExitCode() || !strings.Contains(err.Error(), "took its place") {
			t.Errorf("the first ended as %v", err)
		}
	})
	t.Run("canceled and rolled back", func(t *testing.T) {
		before, err := e.services.Current(t.Context(), e.name, e.name)
		rollouttest.Must(t, err)
		request := e.request(t, "slow-3", FollowOptions{OnCancel: RollBack})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		res, _ := e.services.Deploy(ctx, request)
		if res.Outcome != rollout.Canceled || time.Since(begin) > 4*time.Second {
			t.Errorf("%q after %s: %s", res.Outcome, time.Since(begin), res.Reason)
		}
		back, err := e.services.Restore(t.Context(), before, FollowOptions{})
		if err != nil {
			t.Errorf("back to %s: %v\n%s", before.TaskDefinition, err, e.Said())
		}
		t.Logf("back: %s", back.Outcome)
	})
}
