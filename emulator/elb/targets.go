package elb

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

const maxDrain = 5 * time.Second

// The states of a target.
const (
	Initial   = "initial"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Draining  = "draining"
)

// Target is one address behind a target group.
type Target struct {
	Group, ID, Address string
	State, Reason      string

	inFlight atomic.Int64
	cancel   context.CancelFunc
}

// Register adds a target and checks it until it is deregistered. Tell is called
// when the target becomes Healthy, and with a reason when it becomes Unhealthy
// and once an interval for as long as it stays so.
func (b *Balancer) Register(group, id, address string, check HealthCheck, tell func(state, reason string)) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Target{Group: group, ID: id, Address: address, State: Initial, Reason: "Elb.RegistrationInProgress", cancel: cancel}
	b.mu.Lock()
	b.targets = append(b.targets, t)
	b.mu.Unlock()
	go b.checkHealth(ctx, t, check, tell)
}

// Deregister sends no new requests to a target and waits, for a while, for
// those under way.
func (b *Balancer) Deregister(group, id string) {
	b.mu.Lock()
	i := slices.IndexFunc(b.targets, func(t *Target) bool { return t.Group == group && t.ID == id })
	if i < 0 {
		b.mu.Unlock()
		return
	}
	t := b.targets[i]
	t.State, t.Reason = Draining, "Target.DeregistrationInProgress"
	b.mu.Unlock()
	t.cancel()
	deadline := time.NewTimer(maxDrain)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting && t.inFlight.Load() > 0; {
		select {
		case <-tick.C:
		case <-deadline.C:
			waiting = false
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = slices.DeleteFunc(b.targets, func(other *Target) bool { return other == t })
}

// State is what Targets tells of one target.
type State struct {
	ID, Address, State, Reason string
}

// Targets lists a group's targets; known is false for a group without any.
func (b *Balancer) Targets(group string) (states []State, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		if t.Group == group {
			states = append(states, State{t.ID, t.Address, t.State, t.Reason})
		}
	}
	return states, len(states) > 0
}

// pick takes a healthy target of the group, or of the one its split says, in turn and counts the request as under way.
func (b *Balancer) pick(group string) *Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.splits[group]; s != nil {
		group = s.next()
	}
	var healthy []*Target
	for _, t := range b.targets {
		if t.Group == group && t.State == Healthy {
			healthy = append(healthy, t)
		}
	}
	if len(healthy) == 0 {
		return nil
	}
	b.next++
	t := healthy[b.next%len(healthy)]
	t.inFlight.Add(1)
	return t
}
