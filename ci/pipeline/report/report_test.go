package report

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]record.Record{"failed": failedDeploy(t), "deployed": goodDeploy(t), "tested": tested(t)} {
		golden(t, name+".txt", Terminal(r))
		golden(t, name+".md", Markdown(r))
		page, err := HTML(r)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".html", string(page))
		opening, replies := SlackThread(r)
		golden(t, name+".slack.json", indented(t, map[string]any{"single": Slack(r), "opening": opening, "replies": replies}))
		deployment, status, ok := GitHub(r)
		golden(t, name+".github.json", indented(t, map[string]any{"deployment": deployment, "status": status, "ok": ok}))
		subject, _ := SNS(r)
		golden(t, name+".subject.txt", subject+"\n")
	}
}

func indented(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw) + "\n"
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	r := failedDeploy(t)
	r.Kind, r.Outcome = record.Rollback, pipeline.Canceled
	if got := Headline(r); got != "Rollback of prod was canceled" {
		t.Error(got)
	}
	r = tested(t)
	r.Branch, r.Commit = "", ""
	if got := Headline(r); got != "Run of an unknown commit passed" {
		t.Error(got)
	}
}

// unsafe are characters that a terminal acts upon.
func unsafe(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

func TestTerminalWithHostileNames(t *testing.T) {
	t.Parallel()
	lines := strings.Count(Terminal(poisoned(t, "plain")), "\n")
	for _, name := range hostile() {
		got := Terminal(poisoned(t, name))
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unsafe) {
			t.Errorf("%q leaves control characters", name)
		}
		// Only the reason of the failure may have lines of its own.
		if extra := strings.Count(got, "\n") - lines - strings.Count(strings.TrimSpace(name), "\n"); extra > 0 {
			t.Errorf("%q adds %d lines", name, extra)
		}
	}
}

var (
	reference = regexp.MustCompile(`&#[0-9]+;|&(lt|gt|amp|quot);`)
	element   = regexp.MustCompile(`</?(details|summary|pre)>`)
)

func TestMarkdownWithHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostile() {
		got := Markdown(poisoned(t, name))
		if !utf8.ValidString(got) {
			t.Errorf("%q leaves what is not UTF-8", name)
		}
		columns, inside := 0, false
		for line := range strings.Lines(got) {
			line = strings.TrimRight(line, "\n")
			if inside = inside || strings.HasPrefix(line, "<pre>"); inside {
				inside = !strings.HasSuffix(line, "</pre>")
				if rest := element.ReplaceAllString(line, ""); strings.ContainsAny(rest, "<>") {
					t.Errorf("%q opens an element: %s", name, line)
				}
				continue
			}
			if !strings.HasPrefix(line, "|") {
				columns = 0
			} else if n := strings.Count(line, "|"); columns == 0 {
				columns = n
			} else if n != columns {
				t.Errorf("%q breaks the table: %s", name, line)
			}
			line = strings.TrimPrefix(line, "Not chosen:")
			text := reference.ReplaceAllString(element.ReplaceAllString(line, ""), "")
			if strings.ContainsAny(text, "<>`*_[]!$@&:~\\\"'") || strings.Contains(text, "www.") || strings.Contains(strings.TrimPrefix(text, "##"), "#") {
				t.Errorf("%q leaves markup: %s", name, line)
			}
		}
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://ci.example/runs/1": "https://ci.example/runs/1", "http://ci.example/": "", "javascript:alert(1)": "",
		"https://": "", "https://user:password@ci.example/": "", "https://ci.example/a b\"><x>": "",
		"https://ci.example:8443/a?b=c&d=%7C#e": "https://ci.example:8443/a?b=c&d=%7C#e", "https://ci.example/?a=|b": "", "https://ci.example@evil.example/": "",
		"https://ci.example/\n": "", "https://\u0441i.example/": "", "": "",
	} {
		if got := link(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestSNSSubject(t *testing.T) {
	t.Parallel()
	for _, name := range hostile() {
		subject, message := SNS(poisoned(t, name))
		if subject == "" || len(subject) >= 100 || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: subject %q", name, subject)
		}
		if len(message) > 256<<10 || !utf8.ValidString(message) {
			t.Errorf("%q: %d bytes", name, len(message))
		}
	}
	r := failedDeploy(t)
	for range 400 {
		r.Gates = append(r.Gates, record.Gate{Name: "x", Mode: gates.On, Verdict: gates.Failed, Findings: strings.Split(strings.Repeat(strings.Repeat("é", 90)+"\n", 20), "\n")})
	}
	if _, message := SNS(r); len(message) > 256<<10 || !utf8.ValidString(message) || !strings.HasSuffix(message, "(cut)\n") {
		t.Errorf("%d bytes", len(message))
	}
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	if _, _, ok := GitHub(tested(t)); ok {
		t.Error("a pull request deploys nothing")
	}
	r := failedDeploy(t)
	r.Target.Emulated = true
	if _, _, ok := GitHub(r); ok {
		t.Error("the emulated AWS is not an environment of GitHub's")
	}
	for _, name := range hostile() {
		deployment, status, ok := GitHub(poisoned(t, name))
		if !ok || deployment.Ref != commit || utf8.RuneCountInString(status.Description) > 140 || status.LogURL != "" {
			t.Errorf("%q: %+v, %+v", name, deployment, status)
		}
	}
	for outcome, want := range map[pipeline.Outcome]string{pipeline.Passed: "success", pipeline.Failed: "failure", pipeline.Canceled: "error"} {
		r := failedDeploy(t)
		r.Outcome = outcome
		if _, status, _ := GitHub(r); status.State != want {
			t.Errorf("%s is %s", outcome, status.State)
		}
	}
}
