package policy

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sensor-backend/plancheck/plan"
)

func checker(t *testing.T) *Checker {
	t.Helper()
	c, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type fixture struct {
	Broken, Mended []Resource
	// Resource is what the finding names.
	Resource string
}

func fixtures(t *testing.T) map[string]fixture {
	t.Helper()
	text, err := os.ReadFile("testdata/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]fixture
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryRuleCanFailAndPass(t *testing.T) {
	t.Parallel()
	c := checker(t)
	for rule, f := range fixtures(t) {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			broken, err := c.Check(t.Context(), f.Broken)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(broken, Finding{rule, f.Resource}) {
				t.Errorf("the broken fixture passes; found %v", broken)
			}
			mended, err := c.Check(t.Context(), f.Mended)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range mended {
				if found.Rule == rule {
					t.Errorf("the mended fixture fails: %v", found)
				}
			}
		})
	}
}

func TestEveryRuleIsNamedAndHasAFixture(t *testing.T) {
	t.Parallel()
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	named, broken := slices.Sorted(maps.Keys(rules)), slices.Sorted(maps.Keys(fixtures(t)))
	if !slices.Equal(named, broken) {
		t.Errorf("rules %q\nfixtures %q", named, broken)
	}
	var all []Resource
	for _, f := range fixtures(t) {
		all = append(all, f.Broken...)
	}
	found, err := checker(t).Check(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if rules[f.Rule].Demand == "" {
			t.Errorf("the rule %s is not in rules.json", f.Rule)
		}
	}
}

func TestNothingBreaksNothing(t *testing.T) {
	t.Parallel()
	found, err := checker(t).Check(t.Context(), nil)
	if err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestResourcesMarkUnknownValues(t *testing.T) {
	t.Parallel()
	p, err := plan.Read(strings.NewReader(`{"format_version":"1.2","resource_changes":[
		{"address":"a.x","mode":"managed","type":"a","change":{"actions":["create"],
		 "after":{"name":"n","rule":[{"algorithm":"aws:kms"}],"tags":null},
		 "after_unknown":{"id":true,"rule":[{"key":true}],"tags":{},"zones":[true]}}},
		{"address":"a.gone","mode":"managed","type":"a","change":{"actions":["delete"],"before":{"name":"n"},"after":null}},
		{"address":"data.a.d","mode":"data","type":"a","change":{"actions":["read"],"after":{}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	resources := Resources(p)
	if len(resources) != 1 {
		t.Fatalf("got %d resources, want the one that will exist", len(resources))
	}
	got, err := json.Marshal(resources[0].Values)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"(known after apply)","name":"n","rule":[{"algorithm":"aws:kms","key":"(known after apply)"}],"tags":{},"zones":["(known after apply)"]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
