//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifCarrier is a module that carries the schema of SARIF 2.1.0 (OASIS, errata 01),
// and sarifSchema where.
const (
	sarifCarrier = "github.com/securego/gosec/v2@v2.29.0"
	sarifSchema  = "report/sarif/testdata/sarif-schema-2.1.0.json"
)

// schemaOfSARIF compiles that schema.
func schemaOfSARIF(t *testing.T) *jsonschema.Schema {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", sarifCarrier)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("download %s: %v", sarifCarrier, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(printed, &module); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(module.Dir, sarifSchema))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// follows holds a log to the schema.
func follows(schema *jsonschema.Schema, text []byte) error {
	log, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(log)
}

// TestFindingsFollowTheSchema validates the log that the gates' own tests expect, and
// sees that the validation notices what is wrong.
func TestFindingsFollowTheSchema(t *testing.T) {
	t.Parallel()
	schema := schemaOfSARIF(t)
	text, err := os.ReadFile(filepath.Join("..", "gates", "testdata", "findings.sarif"))
	if err != nil {
		t.Fatal(err)
	}
	if err := follows(schema, text); err != nil {
		t.Error(err)
	}
	for before, after := range map[string]string{
		`"level": "error"`: `"level": "grave"`, `"version": "2.1.0"`: `"version": "3"`, `"startLine": 6`: `"startLine": 0`,
		`"ruleId": "syntax"`: `"rule": "syntax"`,
	} {
		wrong := bytes.Replace(text, []byte(before), []byte(after), 1)
		if bytes.Equal(wrong, text) || follows(schema, wrong) == nil {
			t.Errorf("%s in place of %s passes", after, before)
		}
	}
}
