package ecs

import "dagger/sensor-backend/text"

// CancelPolicy says what becomes of a service's deployment when the caller's
// context ends; FollowOptions.OnCancel takes it. Either way the call returns
// within two seconds, as Canceled. A function needs no policy: its alias moves in
// one step, and a canary's traffic is always taken back.
type CancelPolicy int

// The policies.
const (
	// LeaveRunning lets ECS go on: it completes the deployment or its circuit
	// breaker rolls it back, unwatched.
	LeaveRunning CancelPolicy = iota
	// RollBack asks ECS to roll the deployment back, and does not wait for it.
	RollBack
)

// String is the policy's name, as ParseCancelPolicy reads it.
func (p CancelPolicy) String() string {
	if p == RollBack {
		return "roll-back"
	}
	return "leave-running"
}

// ParseCancelPolicy reads a policy's name: leave-running, which an empty name
// means too, or roll-back.
func ParseCancelPolicy(name string) (CancelPolicy, error) {
	for _, p := range []CancelPolicy{LeaveRunning, RollBack} {
		if name == p.String() {
			return p, nil
		}
	}
	if name == "" {
		return LeaveRunning, nil
	}
	return LeaveRunning, text.Unknown("policy for a canceled deploy", name, []string{LeaveRunning.String(), RollBack.String()}, "--on-cancel")
}
