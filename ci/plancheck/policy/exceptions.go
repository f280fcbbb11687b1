package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Exception excuses a resource from a rule.
type Exception struct {
	Rule string `json:"rule"`
	// Resource is a finding's resource; a * at the end stands for any rest.
	Resource string `json:"resource"`
	// Reason says why, to whoever finds it later.
	Reason string `json:"reason"`
	// Environments limits the exception; empty means all.
	Environments []string `json:"environments,omitempty"`
	// Emulated limits the exception to an emulated AWS.
	Emulated bool `json:"emulated,omitempty"`
}

// Where says what the resources are planned for.
type Where struct {
	Environment string
	Emulated    bool
}

// ReadExceptions reads a JSON list of exceptions. A rule that does not exist,
// a missing resource or reason, and unknown members are errors that say which.
func ReadExceptions(r io.Reader) ([]Exception, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var exceptions []Exception
	if err := decoder.Decode(&exceptions); err != nil {
		return nil, fmt.Errorf("read the policy's exceptions: %w", err)
	}
	rules, err := Rules()
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, e := range exceptions {
		_, there := rules[e.Rule]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("exception %d: there is no rule %q", i+1, e.Rule))
		case e.Resource == "" || e.Resource == "*":
			errs = append(errs, fmt.Errorf("exception %d from %s: name the resource; to drop a rule, delete it", i+1, e.Rule))
		case len(strings.Fields(e.Reason)) < 4:
			errs = append(errs, fmt.Errorf("exception %d from %s for %s: give a reason that the next reader can judge", i+1, e.Rule, e.Resource))
		}
	}
	return exceptions, errors.Join(errs...)
}

func (e Exception) excuses(f Finding, where Where) bool {
	if e.Rule != f.Rule || e.Emulated && !where.Emulated {
		return false
	}
	if len(e.Environments) > 0 && !slices.Contains(e.Environments, where.Environment) {
		return false
	}
	prefix, open := strings.CutSuffix(e.Resource, "*")
	return e.Resource == f.Resource || open && strings.HasPrefix(f.Resource, prefix)
}

// Excused is a finding with the exception that excuses it.
type Excused struct {
	Finding   Finding
	Exception Exception
}

// Verdict is what remains of the findings.
type Verdict struct {
	Broken  []Finding
	Excused []Excused
}

// Judge sorts the findings by whether an exception excuses them. used, if not
// nil, gets true at the index of each exception that did.
func Judge(found []Finding, exceptions []Exception, where Where, used map[int]bool) Verdict {
	var v Verdict
	for _, f := range found {
		i := slices.IndexFunc(exceptions, func(e Exception) bool { return e.excuses(f, where) })
		if i < 0 {
			v.Broken = append(v.Broken, f)
			continue
		}
		v.Excused = append(v.Excused, Excused{f, exceptions[i]})
		if used != nil {
			used[i] = true
		}
	}
	return v
}

// String is the verdict in one line.
func (v Verdict) String() string {
	return fmt.Sprintf("policy: %d broken, %d excused", len(v.Broken), len(v.Excused))
}

// Problems says of each broken rule what it demands and how to go on.
func (v Verdict) Problems(rules map[string]Rule) []string {
	lines := make([]string, 0, len(v.Broken))
	for _, f := range v.Broken {
		rule := rules[f.Rule]
		line := fmt.Sprintf("%s breaks the rule %s: %s", f.Resource, f.Rule, rule.Demand)
		if len(rule.KnownAs) > 0 {
			line += " (" + strings.Join(rule.KnownAs, ", ") + ")"
		}
		lines = append(lines, line+"; mend it, or excuse it in infra/exceptions.json with a reason")
	}
	return lines
}
