package access

import (
	"context"
	"slices"
	"strings"

	"sensor-backend/emulator/iam/calls"
)

// sample is a request that was allowed, to decide about again.
type sample struct {
	session *Session
	region  string
	check   calls.Check
}

// refusal is what a request that was allowed would meet now.
type refusal struct {
	Role      string `json:"role"`
	Operation string `json:"operation,omitempty"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	// Message is AWS's sentence.
	Message string `json:"message"`
}

// replay decides again, by the policies as they are now, about every request of a
// role that was allowed, and lists those that would be refused: what somebody would
// meet who does the same under changed policies. It carries nothing out, and records
// nothing.
func (a *Access) replay(ctx context.Context) (decided int, refused []refusal, err error) {
	refused = []refusal{}
	for e, s := range a.record.allowed() {
		request, decision, err := a.decide(ctx, s.session, nil, s.region, s.check)
		if err != nil {
			return decided, nil, err
		}
		decided++
		if decision.Allowed {
			continue
		}
		service, _, _ := strings.Cut(request.Action, ":")
		refused = append(refused, refusal{
			Role: e.Role, Operation: e.Operation, Action: e.Action, Resource: e.Resource,
			Message: denied(service, request, decision).message,
		})
	}
	slices.SortFunc(refused, func(a, b refusal) int { return strings.Compare(a.Role+a.Action+a.Resource, b.Role+b.Action+b.Resource) })
	return decided, refused, nil
}

// allowed are the samples of what was allowed.
func (r *record) allowed() map[entry]sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[entry]sample, len(r.samples))
	for e, s := range r.samples {
		all[e] = s
	}
	return all
}
