//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

func TestBadArguments(t *testing.T) {
	t.Parallel()
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	env := []string{"E2E_KEY_ID=AKIAIOSFODNN7EXAMPLE", "E2E_SECRET=" + secret, "E2E_SHORT=abc"} // gitleaks:allow these are the examples of the AWS documentation
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"stage", []string{"deploy", "--stages=tset"}, `unknown stage "tset": choose from test, build`},
		{"environment", []string{"--environment=production", "test"}, `unknown environment "production": choose from dev, staging, prod; did you mean --environment prod?`},
		{"region", []string{"--aws-region=eu-middle-1", "test"}, `unknown region "eu-middle-1"`},
		{"half a credential", []string{"--aws-access-key-id=env://E2E_KEY_ID", "deploy"}, "--aws-secret-access-key as well"},
		{"the other half", []string{"--aws-secret-access-key=env://E2E_SECRET", "deploy"}, "--aws-access-key-id as well"},
		{"malformed", []string{"--aws-access-key-id=env://E2E_SHORT", "--aws-secret-access-key=env://E2E_SECRET", "deploy"}, "--aws-access-key-id is malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := dagger(t, env, tt.args...)
			if r.code == 0 {
				t.Fatalf("accepted:\n%s", r.stdout)
			}
			if !strings.Contains(r.stderr, tt.want) {
				t.Errorf("want %q in\n%s", tt.want, tail(r.stderr))
			}
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Error("the secret is in the output")
			}
		})
	}
}

func TestBrokenServices(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, content, want string }{
		{"that do not compile", "cmd/api/broken.go", "package main\n\nfunc broken() { return 1 }\n", "too many return values"},
		{"whose tests fail", "cmd/generate/broken_test.go", "package main\n\nimport \"testing\"\n\nfunc TestBroken(t *testing.T) { t.Fatal(\"broken on purpose\") }\n", "broken on purpose"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			services := altered(t, "services", map[string]string{tt.file: tt.content})
			r := dagger(t, nil, "--services", services, "deploy")
			if r.code == 0 {
				t.Fatalf("deployed:\n%s", r.stdout)
			}
			wantOutcomes(t, r.stderr, map[string]string{
				"test": "failed", "build": "skipped", "infra": "skipped",
				"lambda": "skipped", "ecs": "skipped", "smoke": "skipped", "notify": "passed",
			})
			if !strings.Contains(r.stderr, tt.want) {
				t.Errorf("the report does not show %q:\n%s", tt.want, tail(r.stderr))
			}
		})
	}
}

func TestBrokenTerraform(t *testing.T) {
	infra := altered(t, "infra", map[string]string{"broken.tf": "resource \"aws_sns_topic\" {\n"})
	r := dagger(t, nil, "--infra", infra, "plan")
	if r.code == 0 {
		t.Fatalf("planned:\n%s", r.stdout)
	}
	if !strings.Contains(r.stderr, "broken.tf") {
		t.Errorf("the error does not name broken.tf:\n%s", tail(r.stderr))
	}
}

// wantOutcomes searches for a table's rows.
func wantOutcomes(t *testing.T, report string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(report) {
		// An error is shown with a prefix before each line.
		fields := strings.Fields(strings.TrimLeft(line, "! |│┃"))
		if len(fields) >= 3 {
			if _, ours := want[fields[0]]; ours {
				// A sign stands before the word.
				switch fields[2] {
				case "passed", "failed", "skipped", "canceled":
					got[fields[0]] = fields[2]
				}
			}
		}
	}
	for stage, outcome := range want {
		if got[stage] != outcome {
			t.Errorf("stage %s: %q, want %s", stage, got[stage], outcome)
		}
	}
	if t.Failed() {
		t.Log(tail(report))
	}
}
