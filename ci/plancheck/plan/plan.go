// Package plan reads a Terraform plan as JSON and says what it would do: what
// is added, changed and destroyed, and by name what would be lost.
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Change is what a plan does with one resource.
type Change struct {
	// Address names the resource, such as aws_s3_bucket.data["source"].
	Address string `json:"address"`
	// Mode is "managed" or "data".
	Mode string `json:"mode"`
	Type string `json:"type"`
	// Change holds the actions and values.
	Change struct {
		// Actions are no-op, create, read, update, delete; a replacement has
		// delete and create in the order they happen.
		Actions []string       `json:"actions"`
		Before  map[string]any `json:"before"`
		After   map[string]any `json:"after"`
		// AfterUnknown has true at each value known only after the apply.
		AfterUnknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// Plan is what is read of a plan (Terraform documentation, "JSON Output
// Format", version 1).
type Plan struct {
	Changes []Change `json:"resource_changes"`
	// Drift is what was changed outside Terraform since the last apply.
	Drift []Change `json:"resource_drift"`
	// Outputs are the configuration's outputs; After is what they will be.
	Outputs map[string]struct {
		After any `json:"after"`
	} `json:"output_changes"`
}

// Output is what an output will be, if that is a text that is known before the apply;
// else empty.
func (p Plan) Output(name string) string {
	text, _ := p.Outputs[name].After.(string)
	return text
}

// Read reads what `terraform show -json` prints for a plan. Values in it may
// be secret; an error never holds any.
func Read(r io.Reader) (Plan, error) {
	var raw struct {
		FormatVersion string `json:"format_version"`
		Plan
	}
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return Plan{}, fmt.Errorf("read the plan: %w; give what `terraform show -json PLAN` prints", syntaxOnly(err))
	}
	if raw.FormatVersion == "" {
		return Plan{}, errors.New("read the plan: it has no format_version; give what `terraform show -json PLAN` prints")
	}
	if !strings.HasPrefix(raw.FormatVersion, "1.") {
		return Plan{}, fmt.Errorf("read the plan: its format %s is not the known format 1; use the Terraform version this was made for", raw.FormatVersion)
	}
	return raw.Plan, nil
}

// syntaxOnly leaves of an error where it is, and no value of the plan.
func syntaxOnly(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is not of the expected type", wrong.Field)
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("no JSON at byte %d", wrong.Offset)
	}
	return err
}

// Action is what a plan does with a resource, in one word.
type Action string

// The actions of a plan.
const (
	None    Action = "none"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Destroy Action = "destroy"
)

// Action returns what the change does. Reading a data source is None.
func (c Change) Action() Action {
	creates, deletes := slices.Contains(c.Change.Actions, "create"), slices.Contains(c.Change.Actions, "delete")
	switch {
	case c.Mode == "data":
		return None
	case creates && deletes:
		return Replace
	case creates:
		return Create
	case deletes:
		return Destroy
	case slices.Contains(c.Change.Actions, "update"):
		return Update
	}
	return None
}

// Attributes lists, sorted, the names of the top attributes that an update or
// a replacement changes; values are left out, because they may be secret.
func (c Change) Attributes() []string {
	var names []string
	for name, after := range c.Change.After {
		before, err1 := json.Marshal(c.Change.Before[name])
		now, err2 := json.Marshal(after)
		if err1 != nil || err2 != nil || string(before) != string(now) {
			names = append(names, name)
		}
	}
	for name, unknown := range c.Change.AfterUnknown {
		if unknown == true && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
