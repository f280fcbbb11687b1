package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Outputs holds a configuration's text outputs by name; sensitive ones are
// left out.
type Outputs map[string]string

// ErrNone says that nothing has been applied.
var ErrNone = errors.New("the infrastructure has no outputs yet: run apply first")

// ParseOutputs reads what `terraform output -json` prints. A configuration
// that was never applied has no outputs, which is an error that says so.
func ParseOutputs(text string) (Outputs, error) {
	var raw map[string]struct {
		Value     any  `json:"value"`
		Sensitive bool `json:"sensitive"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("read terraform's outputs: %w", err)
	}
	if len(raw) == 0 {
		return nil, ErrNone
	}
	out := Outputs{}
	for name, o := range raw {
		if value, ok := o.Value.(string); ok && !o.Sensitive {
			out[name] = value
		}
	}
	return out, nil
}

// Need returns an error for the first of the names that has no value.
func (o Outputs) Need(names ...string) error {
	for _, name := range names {
		if o[name] == "" {
			return fmt.Errorf("the infrastructure has no output %s: run apply with the present configuration first", name)
		}
	}
	return nil
}
