//go:build e2e

package e2e

import (
	"crypto/rand"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGatesFail runs every gate on a copy of the repository that gives each of
// them a reason to fail, with local databases that know of made-up
// vulnerabilities. All must fail, each for its reason.
func TestGatesFail(t *testing.T) {
	t.Parallel()
	checkout := newCheckout(t, nil)
	noise := make([]byte, 22_000_000)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	writeOver(t, checkout.dir, map[string]string{
		"services/cmd/api/planted.go": plantedCode,
		"services/cmd/api/planted":    string(noise),
		"services/go.mod":             edited(t, "services/go.mod", "require (", "require (\n\tgithub.com/juju/ratelimit v1.0.2"),
		"services/go.sum": edited(t, "services/go.sum", "", "github.com/juju/ratelimit v1.0.2 h1:sRxmtRiajbvrcLQT7S+JbqU0ntsb9W2yhSdNN8tWfaI=\n"+
			"github.com/juju/ratelimit v1.0.2/go.mod h1:qapgC/Gy+xNh9UxzV13HGGl/6UXNN+ct+vwSgWNm/qk=\n"),
		"docs/planted.md":               "token: ghp_" + rand.Text() + rand.Text()[:10] + "\n",
		".github/workflows/planted.yml": "on: push\njobs:\n  planted:\n    runs-on: ubuntu-latest\n    step: []\n",
		"infra/planted.tf":              "resource \"aws_s3_bucket\" \"planted\" {\n  bucket=\"planted\"\n}\n",
	})

	r := daggerIn(t, checkout.dir, nil, "check", "--go-database="+testdata(t, "go-database"), "--package-database="+testdata(t, "package-database"))

	if r.code == 0 {
		t.Fatalf("every gate passed:\n%s", r.stdout)
	}
	for gate, reason := range map[string]string{
		"lint":            `cmd/api/planted\.go:\d+: .*\(gosec\)`,
		"vet":             `services/cmd/api/planted\.go:\d+: .*wrong type string`,
		"vulnerabilities": `GO-2026-9999`,
		"secrets":         `docs/planted\.md:1: .*github-pat`,
		"packages":        `GHSA-9999-9999-9999`,
		"licences":        `github\.com/juju/ratelimit v1\.0\.2: LGPL-3\.0\S* is not among the allowed licences`,
		"image":           `\(image-size\)`,
		"workflows":       `planted\.yml:\d+: .*"step"`,
		"terraform":       `planted\.tf`,
		"policy":          `aws_s3_bucket\.planted`,
	} {
		if got := outcomeOf(r.stderr, gate); got != "failed" {
			t.Errorf("%s: %q, want failed", gate, got)
		}
		if said := saidBy(r.stderr, gate); !regexp.MustCompile(reason).MatchString(said) {
			t.Errorf("%s does not say %q but\n%s", gate, reason, said)
		}
	}
	if t.Failed() {
		t.Log(tail(r.stderr))
	}
}

// TestGatesThatCannotLook gives the two gates with a database an empty one: that is
// neither a pass nor a failure, unless it is asked for strictly.
func TestGatesThatCannotLook(t *testing.T) {
	t.Parallel()
	nothing := t.TempDir()
	blind := []string{"check", "--only=vulnerabilities,packages", "--go-database=" + nothing, "--package-database=" + nothing}
	shown := succeeds(t, blind...)
	strict := dagger(t, nil, append(blind, "--strict")...)
	if strict.code == 0 {
		t.Errorf("strictly, what could not look passed:\n%s", strict.stdout)
	}
	for _, gate := range []string{"vulnerabilities", "packages"} {
		for how, text := range map[string]string{"leniently": shown, "strictly": strict.stderr} {
			if got := outcomeOf(text, gate); got != "not checked" {
				t.Errorf("%s, %s: %q, want not checked:\n%s", how, gate, got, tail(text))
			}
		}
	}
}

// plantedCode gives the linter a command from outside, vet a wrong format, the list
// of licences one that is not on it and the image more than it may weigh.
const plantedCode = `package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"

	"github.com/juju/ratelimit"
)

//go:embed planted
var planted string

func init() {
	if len(os.Args) < 99 {
		return
	}
	fmt.Printf("%d\n", planted)
	_ = exec.Command("sh", "-c", os.Args[1]).Run()
	fmt.Println(ratelimit.NewBucketWithRate(1, 1).Available())
}
`

// outcomeOf reads a gate's outcome from the table of a report.
func outcomeOf(report, gate string) string {
	row := regexp.MustCompile(`(?m)^` + gate + ` +(?:on|advisory|off) +(passed|failed|not checked|off) `)
	if match := row.FindStringSubmatch(report); match != nil {
		return match[1]
	}
	return ""
}

// saidBy is the part of a report below a gate's name.
func saidBy(report, gate string) string {
	_, said, _ := strings.Cut(report, "\n"+gate+":\n")
	said, _, _ = strings.Cut(said, "\n\n")
	return said
}

// testdata is the path of a directory of this package's test data.
func testdata(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(repository(t), "ci", "e2e", "testdata", name)
}

// TestChecks lists what dagger check runs: the tests, and each gate.
func TestChecks(t *testing.T) {
	t.Parallel()
	listed := run(t, repository(t), nil, "dagger", "check", "-l")
	for _, check := range []string{
		"test", "test-modules", "test-emulator", "test-rollout", "gates:lint", "gates:vet", "gates:vulnerabilities", "gates:secrets",
		"gates:packages", "gates:licences", "gates:image", "gates:workflows", "gates:terraform", "gates:policy",
	} {
		if !regexp.MustCompile(`(?m)^` + check + ` +[A-Z]\S+ .*\.$`).MatchString(listed) {
			t.Errorf("dagger check -l lists no %s with a description:\n%s", check, listed)
		}
	}
}
