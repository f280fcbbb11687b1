package plan

import (
	"slices"
	"testing"
)

// made is a plan that makes resources of the given values, by address.
func made(values map[string]map[string]any) Plan {
	var p Plan
	for address, after := range values {
		c := Change{Address: address, Mode: "managed", Type: "t"}
		c.Change.Actions, c.Change.After = []string{"create"}, after
		p.Changes = append(p.Changes, c)
	}
	return p
}

func TestBetween(t *testing.T) {
	t.Parallel()
	before := made(map[string]map[string]any{
		"t.same": {"name": "a", "id": "abcd1234", "policy": "arn:x/abcd1234 may", "subnets": []any{"zzzz9999", "aaaa1111"}},
		"t.gone": {"name": "b"}, "t.moved": {"size": 1.0, "id": "abcd1234", "kind": "database"}, "t.policy": {"policy": `{"who":"abcd1234","may":"read"}`},
	})
	again := made(map[string]map[string]any{
		"t.same": {"name": "a", "id": "efgh5678", "policy": "arn:x/efgh5678 may", "subnets": []any{"bbbb2222", "cccc3333"}},
		"t.gone": {"name": "b"}, "t.moved": {"size": 1.0, "id": "efgh5678", "kind": "database"}, "t.policy": {"policy": `{"who":"efgh5678","may":"read"}`},
	})
	after := made(map[string]map[string]any{
		"t.same": {"name": "a", "id": "ijkl9012", "policy": "arn:x/ijkl9012 may", "subnets": []any{"dddd4444", "eeee5555"}},
		"t.new":  {"name": "c"}, "t.moved": {"size": 2.0, "id": "ijkl9012", "kind": "instance"}, "t.policy": {"policy": `{"who":"ijkl9012","may":"write"}`},
	})
	got := Between(before, again, after)
	want := []string{
		"plan: 1 to add, 2 to change, 1 to destroy", "  destroy  t.gone", "  update   t.moved (kind, size)", "  update   t.policy (policy)", "  create   t.new",
	}
	if !slices.Equal(got.Lines(), want) {
		t.Errorf("got  %q\nwant %q", got.Lines(), want)
	}
	if n := Between(before, again, again).Count(); n != (Counts{}) {
		t.Errorf("a plan differs from itself: %v", n)
	}
}
