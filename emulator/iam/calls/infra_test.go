package calls

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var namedAction = regexp.MustCompile(`"([a-z0-9-]+):([A-Z][A-Za-z0-9]+)"`)

// TestInfraActions wants every action that Terraform's policies name in the table:
// an operation that is not there is refused to every role.
func TestInfraActions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../infra/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../../infra/*/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	if len(files) == 0 {
		t.Skip("infra is not beside this module")
	}
	reader, err := NewReader(world{})
	if err != nil {
		t.Fatal(err)
	}
	// Condition keys have the form of actions.
	keys := []string{"iam:PassedToService", "iam:PermissionsBoundary", "kms:ViaService", "kms:ResourceAliases", "dynamodb:LeadingKeys", "sts:ExternalId"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range namedAction.FindAllStringSubmatch(string(text), -1) {
			service, name := match[1], match[2]
			if service == "aws" || strings.Contains(service, ".") || slices.Contains(keys, service+":"+name) {
				continue
			}
			if !slices.Contains(reader.Actions(service), name) {
				t.Errorf("%s: %s:%s is not in operations.txt", file, service, name)
			}
		}
	}
}
