package gates

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files anew")

// The logs of the tools as they write them: golangci-lint with an index into a list
// that it does not write, govulncheck from the module's directory and with a trace
// into Go's library, gitleaks without levels, grype with paths in an artefact.
const (
	lintLog = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"golangci-lint"}},"results":[
 {"ruleId":"errcheck","level":"error","message":{"text":"not checked"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"services/a.go","index":0},"region":{"startLine":6}}}]},
 {"ruleId":"errcheck","level":"error","message":{"text":"not checked"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"services/a.go","index":0},"region":{"startLine":9}}}]}]}]}`
	vulnerabilityLog = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"govulncheck","rules":[{"id":"GO-1","defaultConfiguration":{"level":"warning"}}]}},"results":[
 {"ruleId":"GO-1","message":{"text":"called"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"go.mod","uriBaseId":"%SRCROOT%"},"region":{"startLine":1}}}],
  "stacks":[{"message":{"text":"trace"},"frames":[{"location":{"physicalLocation":{"artifactLocation":{"uri":"src/net/http/h.go","uriBaseId":"%GOROOT%"},"region":{"startLine":3}}}}]}]}]}]}`
	secretLog = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"gitleaks"}},"results":[
 {"ruleId":"github-pat","message":{"text":"a secret"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///src/docs/a%20b.md"},"region":{"startLine":1}}}],"partialFingerprints":{"commitSha":""}}]}]}`
	packageLog = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"grype"}},"results":[
 {"ruleId":"CVE-1","level":"error","message":{"text":"old"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"/api"},"region":{"startLine":1}}}]}]}]}`
)

// gathered is a log of everything at once.
func gathered(t *testing.T) *Log {
	t.Helper()
	var l Log
	for _, each := range []struct {
		from Source
		text string
	}{
		{Source{Name: "lint/services"}, lintLog},
		{Source{Name: "vulnerabilities", Dir: "services"}, vulnerabilityLog},
		{Source{Name: "secrets", Advisory: true}, secretLog},
		{Source{Name: "packages/image", Place: "services/go.mod", Elsewhere: true}, packageLog},
	} {
		if err := l.Merge(each.from, each.text); err != nil {
			t.Fatal(err)
		}
	}
	l.Add(Source{Name: "image", Place: "ci/build.go", Elsewhere: true}, []Finding{{"image-shell", "there is a shell", "bin/sh", 0}, {"image-user", "runs as root", "", 0}})
	l.Add(Source{Name: "workflows", Place: ".github/workflows"}, []Finding{{"syntax", "no such key", ".github/workflows/a.yml", 3}})
	return &l
}

// TestLogIsFit holds a log to what code scanning needs of it: a category for each
// run, and of each result a path from the root, a line, a level and a fingerprint.
func TestLogIsFit(t *testing.T) {
	t.Parallel()
	text, err := gathered(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "findings.sarif")
	if *update {
		if err := os.WriteFile(golden, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text+"\n")) {
		t.Errorf("it differs from %s (go test -update writes it anew):\n%s", golden, text)
	}
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Results           []struct {
				sarifResult
				Fingerprints map[string]string `json:"partialFingerprints"`
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	categories, prints := map[string]bool{}, map[string]bool{}
	var seen []string
	for _, run := range log.Runs {
		id := run.AutomationDetails.ID
		if id == "" || categories[id] {
			t.Errorf("category %q is empty or another run's", id)
		}
		categories[id] = true
		for _, r := range run.Results {
			hash := r.Fingerprints["primaryLocationLineHash"]
			if hash == "" || prints[hash] {
				t.Errorf("fingerprint %q is empty or another result's", hash)
			}
			prints[hash] = true
			at := r.Locations[0].Physical
			if at.Artifact.Base != "" || at.Region.StartLine < 1 {
				t.Errorf("place %+v", at)
			}
			seen = append(seen, strings.Join([]string{r.RuleID, r.Level, at.Artifact.URI}, " "))
		}
	}
	if wanted := []string{
		"errcheck error services/a.go", "errcheck error services/a.go", "GO-1 warning services/go.mod", "github-pat warning docs/a%20b.md",
		"CVE-1 error services/go.mod", "image-shell error ci/build.go", "image-user error ci/build.go", "syntax error .github/workflows/a.yml",
	}; !reflect.DeepEqual(seen, wanted) {
		t.Errorf("got %q\nwant %q", seen, wanted)
	}
	for _, kept := range []string{`"%GOROOT%"`, "src/net/http/h.go", "commitSha", "bin/sh: there is a shell"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is lost", kept)
		}
	}
}

// TestFingerprintIgnoresLines wants a finding that only moved to keep its
// fingerprint, and another one to have another.
func TestFingerprintIgnoresLines(t *testing.T) {
	t.Parallel()
	hashOf := func(f Finding) string {
		var l Log
		l.Add(Source{Name: "x"}, []Finding{f})
		text, err := l.JSON()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(text, "primaryLocationLineHash")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	first := hashOf(Finding{"r", "m", "a.go", 1})
	if moved := hashOf(Finding{"r", "m", "a.go", 50}); moved != first {
		t.Errorf("moved: %s, before %s", moved, first)
	}
	for _, other := range []Finding{{"s", "m", "a.go", 1}, {"r", "n", "a.go", 1}, {"r", "m", "b.go", 1}} {
		if hashOf(other) == first {
			t.Errorf("%v has the fingerprint of another finding", other)
		}
	}
}

func TestLogRefuses(t *testing.T) {
	t.Parallel()
	var l Log
	for _, text := range []string{"x", `{"runs":[null]}`, `{"runs":[3]}`} {
		if err := l.Merge(Source{Name: "x"}, text); err == nil {
			t.Errorf("merged %s", text)
		}
	}
	empty, err := l.JSON()
	if err != nil || !strings.Contains(empty, `"runs": []`) {
		t.Errorf("%s, %v", empty, err)
	}
}

func TestReadVet(t *testing.T) {
	t.Parallel()
	got := ReadVet("# x/cmd/api\n# [x/cmd/api]\ncmd/api/a.go:17:2: fmt.Printf format %d has arg x of wrong type string\nvet: b.go:3:9: undefined: y\n/src/services/c.go:1: z\nexit status 1\n", "services")
	want := []Finding{
		{"vet", "fmt.Printf format %d has arg x of wrong type string", "services/cmd/api/a.go", 17},
		{"vet", "undefined: y", "services/b.go", 3}, {"vet", "z", "services/c.go", 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// FuzzMerge wants whatever a tool writes to be refused, or to become a log that can
// be read again.
func FuzzMerge(f *testing.F) {
	for _, text := range []string{lintLog, vulnerabilityLog, secretLog, packageLog, `{"runs":[{"results":[{"locations":[{}]},1],"tool":3}]}`} {
		f.Add(text, "services")
	}
	f.Fuzz(func(t *testing.T, text, dir string) {
		var l Log
		if l.Merge(Source{Name: "x", Dir: dir, Place: "go.mod"}, text) != nil {
			return
		}
		out, err := l.JSON()
		if err != nil || !json.Valid([]byte(out)) {
			t.Fatalf("%v: %s", err, out)
		}
		var again Log
		if err := again.Merge(Source{Name: "x", Place: "go.mod"}, out); err != nil {
			t.Errorf("it is not read again: %v\n%s", err, out)
		}
	})
}

func FuzzReadVet(f *testing.F) {
	f.Add("a.go:1:2: x\n", "services")
	f.Fuzz(func(t *testing.T, text, dir string) {
		for _, found := range ReadVet(text, dir) {
			if found.File == "" || found.Message == "" {
				t.Errorf("finding %+v", found)
			}
		}
	})
}
