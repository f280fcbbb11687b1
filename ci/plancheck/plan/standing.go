package plan

import (
	"encoding/json"
	"fmt"
	"io"
)

// Standing is what stands while a plan has nothing to apply.
type Standing struct {
	// Applyable is true unless Terraform says that applying the plan does nothing.
	Applyable bool
	// Outputs are the configuration's outputs as they are, as `terraform output -json`
	// prints them, without those that are sensitive.
	Outputs map[string]Output
}

// Output is one output of a configuration.
type Output struct {
	Sensitive bool `json:"sensitive"`
	Value     any  `json:"value"`
}

// ReadStanding reads what `terraform show -json` prints for a plan. One that does not
// say whether it is applyable is taken for one that is.
func ReadStanding(r io.Reader) (Standing, error) {
	var raw struct {
		Applyable *bool `json:"applyable"`
		Prior     struct {
			Values struct {
				Outputs map[string]Output `json:"outputs"`
			} `json:"values"`
		} `json:"prior_state"`
	}
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return Standing{}, fmt.Errorf("read the plan: %w; give what `terraform show -json PLAN` prints", syntaxOnly(err))
	}
	s := Standing{Applyable: raw.Applyable == nil || *raw.Applyable, Outputs: map[string]Output{}}
	for name, output := range raw.Prior.Values.Outputs {
		if !output.Sensitive {
			s.Outputs[name] = output
		}
	}
	return s, nil
}
