// Package policy judges planned resources by the rules in rules/, written in
// Rego and evaluated with Open Policy Agent, and by the exceptions a project
// makes from them.
package policy

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/rego"

	"sensor-backend/plancheck/plan"
)

//go:embed rules
var files embed.FS

// Rule is what a rule demands.
type Rule struct {
	// Demand says it in a few words.
	Demand string `json:"demand"`
	// KnownAs are the identifiers of the same demand in checkov and trivy.
	KnownAs []string `json:"known_as"`
}

// Rules returns every rule by its name.
func Rules() (map[string]Rule, error) {
	text, err := files.ReadFile("rules/rules.json")
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	var rules map[string]Rule
	if err := json.Unmarshal(text, &rules); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return rules, nil
}

// Finding is one resource that breaks one rule.
type Finding struct {
	Rule string `json:"rule"`
	// Resource is the resource's address; of a policy document's statement it
	// is followed by # and the statement's Sid.
	Resource string `json:"resource"`
}

// Resource is one resource as the rules see it.
type Resource struct {
	Address string         `json:"address"`
	Type    string         `json:"type"`
	Values  map[string]any `json:"values"`
}

// Checker evaluates the rules. It may be used by several goroutines.
type Checker struct {
	query rego.PreparedEvalQuery
}

// New compiles the rules.
func New(ctx context.Context) (*Checker, error) {
	options := []func(*rego.Rego){rego.Query("data.sensor.deny")}
	names, err := fs.Glob(files, "rules/*.rego")
	if err != nil {
		return nil, fmt.Errorf("find the rules: %w", err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
		options = append(options, rego.Module(name, string(text)))
	}
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("compile the rules: %w", err)
	}
	return &Checker{query: query}, nil
}

// Check returns what breaks a rule, sorted by rule and resource.
func (c *Checker) Check(ctx context.Context, resources []Resource) ([]Finding, error) {
	results, err := c.query.Eval(ctx, rego.EvalInput(map[string]any{"resources": resources}))
	if err != nil {
		return nil, fmt.Errorf("evaluate the rules: %w", err)
	}
	if len(results) == 0 || len(results[0].Expressions) == 0 {
		return nil, fmt.Errorf("evaluate the rules: no answer; do they still define data.sensor.deny?")
	}
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		return nil, fmt.Errorf("read the rules' answer: %w", err)
	}
	var found []Finding
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("read the rules' answer: %w", err)
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return strings.Compare(a.Rule+" "+a.Resource, b.Rule+" "+b.Resource)
	})
	return found, nil
}

// unknown stands for a value that AWS makes during the apply.
const unknown = "(known after apply)"

// Resources are the managed resources that exist after the plan's apply.
func Resources(p plan.Plan) []Resource {
	var resources []Resource
	for _, c := range p.Changes {
		if c.Mode != "managed" || c.Change.After == nil {
			continue
		}
		values, _ := known(c.Change.After, c.Change.AfterUnknown).(map[string]any)
		resources = append(resources, Resource{Address: c.Address, Type: c.Type, Values: values})
	}
	return resources
}

// Deployed are the managed resources that exist before the plan's apply.
func Deployed(p plan.Plan) []Resource {
	var resources []Resource
	for _, c := range p.Changes {
		if c.Mode == "managed" && c.Change.Before != nil {
			resources = append(resources, Resource{Address: c.Address, Type: c.Type, Values: c.Change.Before})
		}
	}
	return resources
}

// Hidden lists, as ADDRESS.ATTRIBUTE, the documents that the rules cannot read because
// they are known only after an apply. No rule is broken in them, whatever they say.
func Hidden(resources []Resource) []string {
	var hidden []string
	for _, r := range resources {
		for _, document := range []string{"assume_role_policy", "container_definitions", "policy"} {
			// An endpoint's policy is AWS's own where it is given none.
			if r.Values[document] == unknown && r.Type != "aws_vpc_endpoint" {
				hidden = append(hidden, r.Address+"."+document)
			}
		}
	}
	return hidden
}

// known puts the mark for unknown values into a value, at each place where
// mask has true.
func known(value, mask any) any {
	switch m := mask.(type) {
	case bool:
		if m {
			return unknown
		}
	case map[string]any:
		fields, _ := value.(map[string]any)
		merged := make(map[string]any, len(fields)+len(m))
		for name, field := range fields {
			merged[name] = field
		}
		for name, sub := range m {
			merged[name] = known(fields[name], sub)
		}
		return merged
	case []any:
		items, _ := value.([]any)
		merged := make([]any, max(len(items), len(m)))
		copy(merged, items)
		for i, sub := range m {
			merged[i] = known(merged[i], sub)
		}
		return merged
	}
	return value
}
