package trigger

import (
	"strings"
	"testing"
	"unicode"
)

// TestNamesThatLookLikeMain has names by which a stranger's branch could pass
// for one that is deployed, or for a release: none is.
func TestNamesThatLookLikeMain(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{
		"refs/heads/Main", "refs/heads/main/", "refs/heads/main/x", "refs/heads/main\n", "refs/heads/main ", "refs/heads/\uff4dain",
		"refs/heads/main\u200b", "refs/heads/refs/heads/main", "refs/tags/main", "refs/tags/develop", "refs/heads//main", "refs/heads/x/../main",
		"main", "REFS/heads/main", " refs/heads/main", "refs/heads/$(echo main)", "refs/heads/main\x00", "refs/pull/main/merge",
		"refs/heads/v1.2.3", "refs/remotes/origin/main", "refs/heads/develop'", "refs/heads/main;develop",
	} {
		d, err := Decide(Event{Name: Push, Ref: ref, SHA: strings.Repeat("a", 40), Credentials: true})
		if err == nil && (d.Deploys || d.Environment != "" || strings.Join(d.Running(), " ") != "test check notify") {
			t.Errorf("%q runs %v on %q", ref, d.Running(), d.Environment)
		}
	}
}

// TestExplainHostileNames has a stranger's branch name explained: it changes
// nothing but its own place in one line.
func TestExplainHostileNames(t *testing.T) {
	t.Parallel()
	e := Event{Name: Push, Ref: "refs/heads/plain", SHA: strings.Repeat("a", 40)}
	d, err := Decide(e)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(Explain(e, d), "\n")
	for _, name := range []string{"$(id)`id`", `"'`, "a\nb\n::set-output name=x::y", "\x1b[31mred", "main\u202e", strings.Repeat("é", 300), "\xff"} {
		hostile := e
		hostile.Ref = "refs/heads/" + name
		got := Explain(hostile, d)
		unfit := func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) || r == unicode.ReplacementChar
		}
		first, _, _ := strings.Cut(got, "\n")
		if strings.Count(got, "\n") != lines || strings.ContainsFunc(got, unfit) || len([]rune(first)) > 250 {
			t.Errorf("%.40q: %q", name, first)
		}
		if _, err := Decide(Event{Name: "push" + name, Ref: hostile.Ref, SHA: name}); err == nil || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 {
			t.Errorf("%.40q: error %q", name, err)
		}
	}
}
