package ecr

import (
	"regexp"
	"strings"
	"testing"
)

// tagForm is what a tag may be (OCI Distribution Specification).
var tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// TestHostileBranchTag makes tags of names that try to break out: each is a tag,
// a word for a shell and a linker's flag, and still ends with the commit.
func TestHostileBranchTag(t *testing.T) {
	t.Parallel()
	const sha = "0a1b2c3d4e5f"
	for branch, want := range map[string]string{
		"$(touch pwned)":         "touch-pwned-" + sha,
		"`id`":                   "id-" + sha,
		`quote"and'quote`:        "quote-and-quote-" + sha,
		"line\nbreak":            "line-break-" + sha,
		"../../latest":           "latest-" + sha,
		"-X main.commit=evil":    "X-main.commit-evil-" + sha,
		"@sha256:0":              "sha256-0-" + sha,
		"\u202e\u200b":           sha,
		"é":                      sha,
		"\xff\x00\x1b":           sha,
		"":                       sha,
		strings.Repeat("a", 300): strings.Repeat("a", 115) + "-" + sha,
		strings.Repeat("é", 300): sha,
		strings.Repeat(".", 300): sha,
	} {
		got := BranchTag(branch, sha)
		if got != want || !tagForm.MatchString(got) {
			t.Errorf("%.40q: got %q, want %q", branch, got, want)
		}
		if got == LatestTag || got == RunningTag || strings.HasSuffix(got, attestationsTag) {
			t.Errorf("%.40q passes for a tag with a meaning: %q", branch, got)
		}
	}
}

func FuzzBranchTag(f *testing.F) {
	f.Add("feature/x#1", "0a1b2c3")
	f.Add("$(id)\n", "")
	f.Fuzz(func(t *testing.T, branch, sha string) {
		if got := BranchTag(branch, sha); !tagForm.MatchString(got) {
			t.Errorf("%q, %q: %q is not a tag", branch, sha, got)
		}
	})
}
