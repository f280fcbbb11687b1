package ecs

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"dagger/sensor-backend/rollout"
)

func TestCancelPolicies(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]CancelPolicy{"": LeaveRunning, "leave-running": LeaveRunning, "roll-back": RollBack} {
		if got, err := ParseCancelPolicy(name); got != want || err != nil {
			t.Errorf("%q is %s, %v", name, got, err)
		}
	}
	if _, err := ParseCancelPolicy("undo"); err == nil || err.Error() != `unknown policy for a canceled deploy "undo": choose from leave-running, roll-back; for example --on-cancel leave-running` {
		t.Errorf("undo: %v", err)
	}
}

// TestCanceledBeforeTheUpdateIsAnswered does not claim that nothing changed: ECS
// may have taken the order.
func TestCanceledBeforeTheUpdateIsAnswered(t *testing.T) {
	t.Parallel()
	for policy, c := range map[CancelPolicy]struct {
		reason string
		stops  int
	}{
		LeaveRunning: {"whether ECS took it is not known", 0},
		RollBack:     {"ECS was asked to roll the deployment back", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeECS()
			ctx, cancel := context.WithCancel(t.Context())
			f.refuse["UpdateService"] = func(int) error {
				f.deploy(f.latest, 2)
				f.mine = f.serial
				cancel()
				return context.Canceled
			}
			res, err := services(f).Deploy(ctx, Request{
				Cluster: "c", Service: "api", Container: "api", Image: newDigest, Follow: FollowOptions{OnCancel: policy},
			})
			if res.Outcome != rollout.Canceled || err == nil || !strings.Contains(res.Reason, c.reason) || f.calls["StopServiceDeployment"] != c.stops {
				t.Errorf("%s: %q (%s), %v, %v", policy, res.Outcome, res.Reason, err, f.calls)
			}
		})
	}
}
