package plan

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxMessage bounds one message; a verbose plan carries the provider's whole
// schema.
const maxMessage = 256 << 20

// ReadTest reads the one plan in what `terraform test -json -verbose` prints
// (Terraform documentation, "Machine-Readable UI"). A test that failed is an
// error that says why.
func ReadTest(r io.Reader) (Plan, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMessage)
	var found *Plan
	var errs []error
	for lines.Scan() {
		var m struct {
			Type       string `json:"type"`
			Plan       *Plan  `json:"test_plan"`
			Diagnostic struct{ Severity, Summary, Detail string }
		}
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		if m.Type == "diagnostic" && m.Diagnostic.Severity == "error" {
			errs = append(errs, fmt.Errorf("terraform test: %s: %s", m.Diagnostic.Summary, m.Diagnostic.Detail))
		}
		if m.Plan != nil {
			found = m.Plan
		}
	}
	if err := errors.Join(append(errs, lines.Err())...); err != nil {
		return Plan{}, err
	}
	if found == nil {
		return Plan{}, errors.New("terraform test printed no plan: run it with -json -verbose on a run block with command = plan")
	}
	return *found, nil
}
