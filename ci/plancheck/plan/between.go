package plan

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Between is what one configuration changes against another, both planned from
// nothing by `terraform test` on a mocked provider. A mock makes up an answer of eight
// letters and digits where it has none, another one each time: again is a second plan
// of before, and tells such answers from values. Where a value must be replaced rather
// than changed only AWS knows; it is a change here.
func Between(before, again, after Plan) Plan {
	old, second, now := before.managed(), again.managed(), after.managed()
	var p Plan
	for _, c := range after.Changes {
		was, there := old[c.Address]
		switch {
		case now[c.Address] == nil:
		case !there:
			p.Changes = append(p.Changes, changed(c, "create", nil, c.Change.After))
		default:
			left, right := different(was, second[c.Address], c.Change.After)
			if len(left)+len(right) > 0 {
				p.Changes = append(p.Changes, changed(c, "update", left, right))
			}
		}
	}
	for _, c := range before.Changes {
		if old[c.Address] != nil && now[c.Address] == nil {
			p.Changes = append(p.Changes, changed(c, "delete", c.Change.After, nil))
		}
	}
	return p
}

// managed are the values of the resources that a plan makes, by address.
func (p Plan) managed() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, c := range p.Changes {
		if c.Action() == Create && c.Change.After != nil {
			all[c.Address] = c.Change.After
		}
	}
	return all
}

func changed(c Change, action string, before, after map[string]any) Change {
	one := Change{Address: c.Address, Mode: c.Mode, Type: c.Type}
	one.Change.Actions, one.Change.Before, one.Change.After = []string{action}, before, after
	return one
}

// different are the attributes of a resource that differ, with their values before and
// after. What differs between two plans of the same is compared without made up words.
func different(before, again, after map[string]any) (left, right map[string]any) {
	left, right = map[string]any{}, map[string]any{}
	names := map[string]bool{}
	for _, values := range []map[string]any{before, after} {
		for name := range values {
			names[name] = true
		}
	}
	for name := range names {
		same := exact
		if !bytes.Equal(exact(before[name]), exact(again[name])) {
			same = masked
		}
		if !bytes.Equal(same(before[name]), same(after[name])) {
			left[name], right[name] = before[name], after[name]
		}
	}
	return left, right
}

// exact is a value as JSON.
func exact(value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil { // it came from JSON
		return nil
	}
	return raw
}

// madeUp is a word as a mock makes it up.
var madeUp = regexp.MustCompile(`\b[a-z0-9]{8}\b`)

// masked is a value as JSON with made up words alike, and lists in the order that they
// then have: a set is in that of its words.
func masked(value any) []byte {
	switch v := value.(type) {
	case string:
		return exact(madeUp.ReplaceAllString(v, "*"))
	case []any:
		parts := make([]string, len(v))
		for i, each := range v {
			parts[i] = string(masked(each))
		}
		slices.Sort(parts)
		return []byte("[" + strings.Join(parts, ",") + "]")
	case map[string]any:
		parts := make([]string, 0, len(v))
		for name, each := range v {
			parts = append(parts, string(exact(madeUp.ReplaceAllString(name, "*")))+":"+string(masked(each)))
		}
		slices.Sort(parts)
		return []byte("{" + strings.Join(parts, ",") + "}")
	}
	return exact(value)
}
