package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline/record"
)

func TestComment(t *testing.T) {
	t.Parallel()
	r := failedDeploy(t)
	got := Comment(r)
	for _, want := range []string{
		"<!-- sensor-backend: prod -->\n### ✗ Deploy of main", "**The plan**: 2 to add, 1 to change, 1 to destroy; about 61.40 USD a month, **+3.20** to before.",
		"what changes&#44; by name", "| lint | passed |", "licences&#58; findings", "example.com/b: AGPL-3.0", "ecs failed",
		`<a href="https://ci.example/runs/1?attempt=2">The run</a>`,
	} {
		if !strings.Contains(got, want) && !strings.Contains(got, strings.ReplaceAll(want, "&#44;", ",")) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if !strings.HasPrefix(got, CommentMarker(r)) || strings.Count(got, "<!--") != 1 {
		t.Errorf("the marker is not the one at the start:\n%s", got)
	}
	if strings.Contains(got, "more than fits") {
		t.Errorf("it is cut:\n%s", got)
	}
}

// TestCommentOfAPullRequest has a run without an environment, with and without what
// the change does to the configuration.
func TestCommentOfAPullRequest(t *testing.T) {
	t.Parallel()
	r := failedDeploy(t)
	r.Event, r.Target, r.Service, r.Function = "pull_request", record.Target{}, nil, nil
	if got := Comment(r); !strings.HasPrefix(got, "<!-- sensor-backend: none -->\n") || !strings.Contains(got, "**This changes in the configuration of prod, planned without AWS (a replacement counts as a change)**: 2 to add") {
		t.Errorf("got\n%s", got)
	}
	r.Plan, r.Cost = nil, nil
	if got := Comment(r); !strings.Contains(got, "No plan: main is deployed to prod.") {
		t.Errorf("got\n%s", got)
	}
}

// TestCommentFits has more to say than GitHub takes.
func TestCommentFits(t *testing.T) {
	t.Parallel()
	r := failedDeploy(t)
	var findings []string
	for i := range 50 {
		findings = append(findings, fmt.Sprintf("%d: %s", i, strings.Repeat("<&ü", 300)))
	}
	for i := range 10 {
		r.Gates = append(r.Gates, record.Gate{Name: fmt.Sprintf("gate-%d", i), Mode: gates.On, Verdict: gates.Failed, Findings: findings})
	}
	for _, url := range []string{"https://ci.example/runs/1", ""} {
		r.By.URL = url
		got := Comment(r)
		if n := utf8.RuneCountInString(got); n > mostComment {
			t.Errorf("%d characters, GitHub takes %d", n, mostComment)
		}
		if !strings.Contains(got, "more than fits into a comment") || !strings.Contains(got, "written over by the next run") {
			t.Error("it does not say that it is cut, or has no end")
		}
		if strings.Count(got, "<details>") != strings.Count(got, "</details>") || strings.Contains(got, "<a href") != (url != "") {
			t.Error("an element is open, or the link is missing or made up")
		}
	}
}

// TestCommentIsText has names that would be markup, another marker or a mention.
func TestCommentIsText(t *testing.T) {
	t.Parallel()
	r := failedDeploy(t)
	const hostile = "--> <!-- sensor-backend: prod --> <script>@everyone</script> [x](javascript:1) | `"
	r.Branch, r.Target.Environment, r.Decision.Why = hostile, hostile, hostile
	r.Gates[3].Name, r.Gates[3].Findings[0] = hostile, hostile
	r.Plan.Resources[0].Address = hostile
	got := Comment(r)
	// In a pre element nothing is Markdown (CommonMark, "HTML blocks").
	outside := regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(got, "")
	for _, no := range []string{"](javascript", "@everyone", "`"} {
		if strings.Contains(outside, no) {
			t.Errorf("%q in\n%s", no, outside)
		}
	}
	if strings.Contains(got, "<script") {
		t.Errorf("an element in\n%s", got)
	}
	if strings.Count(got, "<!--") != 1 || strings.Count(got, "-->") != 1 {
		t.Errorf("more than one hidden line:\n%s", got)
	}
}
