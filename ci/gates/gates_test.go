package gates

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	all := []string{"lint", "secrets", "image"}
	tests := []struct {
		name          string
		off, advisory []string
		want          map[string]Mode
		err           string
	}{
		{"all on", nil, nil, map[string]Mode{"lint": On, "secrets": On, "image": On}, ""},
		{"each its own", []string{"lint"}, []string{"image"}, map[string]Mode{"lint": Off, "secrets": On, "image": Advisory}, ""},
		{"named twice", []string{"lint", "lint"}, nil, map[string]Mode{"lint": Off, "secrets": On, "image": On}, ""},
		{"unknown", []string{"lnt"}, nil, nil, `unknown gate "lnt": choose from lint, secrets, image`},
		{"both", []string{"lint"}, []string{"lint"}, nil, `gate "lint" is both off and advisory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Plan(all, tt.off, tt.advisory)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode           Mode
		outcome        Outcome
		blocks, strict bool
	}{
		{On, Passed, false, false},
		{On, Failed, true, true},
		{On, NotChecked, false, true},
		{Advisory, Failed, false, false},
		{Advisory, NotChecked, false, false},
		{Off, Skipped, false, false},
	}
	for _, tt := range tests {
		r := Result{Gate: "g", Mode: tt.mode, Outcome: tt.outcome}
		if r.Blocks(false) != tt.blocks || r.Blocks(true) != tt.strict {
			t.Errorf("%s %s: blocks %v, strictly %v", tt.mode, tt.outcome, r.Blocks(false), r.Blocks(true))
		}
		if (Err([]Result{r}, false) != nil) != tt.blocks {
			t.Errorf("%s %s: error %v", tt.mode, tt.outcome, Err([]Result{r}, false))
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	many := make([]Finding, mostFindings+3)
	for i := range many {
		many[i] = Finding{Rule: "R1", Message: "bad\nand why", File: "a.go", Line: i + 1}
	}
	results := []Result{
		{Gate: "secrets", Mode: On, Outcome: Failed, Findings: many},
		{Gate: "lint", Mode: Advisory, Outcome: Failed, Note: "does not compile\nat all"},
		{Gate: "packages", Mode: On, Outcome: NotChecked, Note: "no such host"},
	}
	Sort(results, []string{"lint", "secrets", "packages"})
	if got := Count(results); got != "2 failed, 1 not checked" {
		t.Errorf("count %q", got)
	}
	got := Report(results)
	for _, want := range []string{"23 findings", "a.go:1: bad (R1)", "and 3 more", "at all", "not checked", "no such host"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "and why") || strings.Index(got, "lint") > strings.Index(got, "secrets") {
		t.Errorf("report\n%s", got)
	}
}

const log = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"extra":1,"results":[
 {"ruleId":"A","level":"error","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///src/a%20b.go"},"region":{"startLine":7}}}]},
 {"ruleId":"B","level":"note","message":{"text":"m"}},
 {"ruleId":"C","message":{"text":"m"},"suppressions":[{"kind":"inSource"}]},
 {"ruleId":"D","message":{"text":"no place"}}]}]}`

func TestReadSARIF(t *testing.T) {
	t.Parallel()
	got, err := ReadSARIF(log, "")
	want := []Finding{{"A", "m", "a b.go", 7}, {"D", "no place", "", 0}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for text, reason := range map[string]string{"": "not JSON", `{"version":"1.0"}`: `version "1.0"`} {
		if _, err := ReadSARIF(text, ""); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: error %v, want %q", text, err, reason)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		output string
		want   bool
	}{
		{`govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": dial tcp: lookup vuln.go.dev: no such host`, true},
		{`govulncheck: fetching vulnerabilities: unexpected http status code 403`, true},
		{"loading\nfailed to load vulnerability db: database does not exist\n", true},
		{`Get "https://a": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused`, true},
		{`main.go:3:1: expected declaration, found x`, false},
		{`error at line 403`, false},
		{``, false},
	}
	for _, tt := range tests {
		if line, got := Unreachable(tt.output); got != tt.want || got && line == "" {
			t.Errorf("%q: %v %q, want %v", tt.output, got, line, tt.want)
		}
	}
}

func FuzzReadSARIF(f *testing.F) {
	f.Add(log)
	f.Add(`{"version":"2.1.0","runs":[{"results":[{"locations":[{}]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ReadSARIF(text, "")
		if err != nil {
			return
		}
		var l Log
		l.Add(Source{Name: "again"}, found)
		out, err := l.JSON()
		if err != nil || !json.Valid([]byte(out)) {
			t.Errorf("%v: %s", err, out)
		}
		again, err := ReadSARIF(out, "")
		if err != nil || len(again) != len(found) {
			t.Errorf("%d findings became %d: %v", len(found), len(again), err)
		}
	})
}

func TestReadColumns(t *testing.T) {
	t.Parallel()
	got, err := ReadColumns("a.yml\t3\texpression\tuntrusted\tinput\n\nb.yml\t1\tsyntax\tx")
	want := []Finding{{"expression", "untrusted\tinput", "a.yml", 3}, {"syntax", "x", "b.yml", 1}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, text := range []string{"a\tb", "a.yml\tx\trule\tm"} {
		if _, err := ReadColumns(text); err == nil {
			t.Errorf("%q was taken for a finding", text)
		}
	}
}
