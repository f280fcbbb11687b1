// Package permissions tells of each role what it used, what it was granted and never
// used, and what it was denied, from what the emulated AWS recorded of a run. A grant
// that no run uses stands in a file with its reason. Start at Judge.
package permissions

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Role is what the emulated AWS recorded of a role (GET /_emulator/iam/permissions).
type Role struct {
	// ARN is the role's.
	ARN string `json:"role"`
	// Used are the actions that were allowed, as service:Action.
	Used []string `json:"used"`
	// Unused are the grants by which nothing was allowed.
	Unused []Grant `json:"unused"`
	// Denied are the refusals.
	Denied []Denial `json:"denied"`
}

// Grant is one action of a policy's statement.
type Grant struct {
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Action string `json:"action"`
}

// Denial is a refusal, however often it was given.
type Denial struct {
	// Operation is that of the API, Action and Resource what it needs; both are empty
	// of an operation that the emulated AWS does not know.
	Operation string `json:"operation"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	// Decision is denied or unknown, By the kind of policy that decided.
	Decision string `json:"decision"`
	By       string `json:"by"`
	Count    int    `json:"count"`
}

// Name is a role's name without its path.
func (r Role) Name() string { return r.ARN[strings.LastIndexByte(r.ARN, '/')+1:] }

// Reason says why roles have grants that no run uses.
type Reason struct {
	// Role is how the role's name ends, such as ci-apply.
	Role string `json:"role"`
	// Actions are the grants' actions.
	Actions []string `json:"actions"`
	// Reason says why, in a sentence.
	Reason string `json:"reason"`
}

// ReadReasons reads a list of them as JSON, each with all of its fields.
func ReadReasons(r io.Reader) ([]Reason, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var list []Reason
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read the reasons of unused grants: %w", err)
	}
	for i, one := range list {
		if one.Role == "" || len(one.Actions) == 0 || one.Reason == "" {
			return nil, fmt.Errorf("reason %d of unused grants lacks its role, its actions or its text", i+1)
		}
	}
	return list, nil
}

// Line is what is said of one role.
type Line struct {
	// Role is the role's name.
	Role string
	// Used counts actions; Reasoned counts grants that are unused for a reason.
	Used, Reasoned int
	// Unused are the grants without a reason, as Sid action.
	Unused []string
	Denied []Denial
}

// Report is what is said of all roles.
type Report struct {
	Lines []Line
	// Needless are reasons for what is used, or not granted.
	Needless []string
}

// Judge compares what roles did with the reasons. Only roles whose name begins with
// prefix are looked at.
func Judge(roles []Role, reasons []Reason, prefix string) Report {
	var report Report
	needed := map[string]bool{}
	for _, role := range roles {
		if !strings.HasPrefix(role.Name(), prefix) {
			continue
		}
		line := Line{Role: role.Name(), Used: len(role.Used), Denied: role.Denied}
		for _, grant := range role.Unused {
			if i := reasonFor(reasons, role, grant.Action); i >= 0 {
				line.Reasoned++
				needed[key(reasons[i].Role, grant.Action)] = true
				continue
			}
			line.Unused = append(line.Unused, strings.TrimSpace(grant.Sid+" "+grant.Action))
		}
		report.Lines = append(report.Lines, line)
	}
	for _, reason := range reasons {
		for _, action := range reason.Actions {
			if !needed[key(reason.Role, action)] {
				report.Needless = append(report.Needless, reason.Role+" "+action)
			}
		}
	}
	return report
}

func key(role, action string) string { return role + " " + action }

// reasonFor is the index of the reason for a role's action; -1 without one.
func reasonFor(reasons []Reason, role Role, action string) int {
	return slices.IndexFunc(reasons, func(r Reason) bool {
		return strings.HasSuffix(role.Name(), "-"+r.Role) && slices.Contains(r.Actions, action)
	})
}

// String is the report as a table, with what is denied and unused below it.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-44s %5s %7s %9s %7s\n", "role", "used", "unused", "reasoned", "denied")
	for _, line := range r.Lines {
		fmt.Fprintf(&b, "%-44s %5d %7d %9d %7d\n", line.Role, line.Used, len(line.Unused), line.Reasoned, len(line.Denied))
	}
	for _, line := range r.Lines {
		for _, denial := range line.Denied {
			fmt.Fprintf(&b, "%s is denied %s\n", line.Role, denial)
		}
		for _, grant := range line.Unused {
			fmt.Fprintf(&b, "%s did not use %s\n", line.Role, grant)
		}
	}
	for _, needless := range r.Needless {
		fmt.Fprintf(&b, "there is a reason why it is not used, and it is used or not granted: %s\n", needless)
	}
	return b.String()
}

func (d Denial) String() string {
	if d.Action == "" {
		return fmt.Sprintf("%s, which the emulated AWS does not know (%d times)", d.Operation, d.Count)
	}
	return fmt.Sprintf("%s on %s by the %s (%d times, %s)", d.Action, d.Resource, d.By, d.Count, d.Operation)
}

// Denied is an error if a role was denied anything.
func (r Report) Denied() error {
	for _, line := range r.Lines {
		if len(line.Denied) > 0 {
			return errors.New("a role was denied what it asked for: it lacks a grant, or asks for too much")
		}
	}
	return nil
}

// Exact is an error unless the grants are those that are used, save those with a
// reason. It holds of a record of everything that the roles do.
func (r Report) Exact() error {
	errs := []error{r.Denied()}
	for _, line := range r.Lines {
		if len(line.Unused) > 0 {
			errs = append(errs, fmt.Errorf("%s has %d grants that nothing used and that have no reason: remove them, or give a reason in infra/setup/unused.json", line.Role, len(line.Unused)))
		}
	}
	if len(r.Needless) > 0 {
		errs = append(errs, fmt.Errorf("%d reasons in infra/setup/unused.json are for grants that are used or not there: remove them", len(r.Needless)))
	}
	return errors.Join(errs...)
}
