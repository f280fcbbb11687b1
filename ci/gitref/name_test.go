package gitref

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 300)
	tests := []struct {
		ref  string
		want Name
		err  string
	}{
		{"refs/heads/main", Name{Branch, "main"}, ""},
		{"refs/heads/fix/a", Name{Branch, "fix/a"}, ""},
		{"refs/heads/$(reboot)", Name{Branch, "$(reboot)"}, ""},
		{"refs/heads/`id`'\"", Name{Branch, "`id`'\""}, ""},
		{"refs/heads/refs/heads/main", Name{Branch, "refs/heads/main"}, ""},
		{"refs/heads/" + long, Name{Branch, long}, ""},
		{"refs/heads/gh-readonly-queue/main/pr-7-0a1b", Name{Branch, "gh-readonly-queue/main/pr-7-0a1b"}, ""},
		{"refs/tags/v1.2.3", Name{Tag, "v1.2.3"}, ""},
		{"refs/pull/12/merge", Name{Pull, "12"}, ""},
		{"refs/pull/12/head", Name{Pull, "12"}, ""},
		{"", Name{}, "the reference is empty"},
		{"main", Name{}, "give the full name"},
		{"refs/pull/0/merge", Name{}, "give the full name"},
		{"refs/pull/x/merge", Name{}, "give the full name"},
		{"refs/heads/", Name{}, "empty"},
		{"refs/heads/a\nb", Name{}, "control character"},
		{"refs/heads/a b", Name{}, "a space or one of"},
		{"refs/heads/../../etc", Name{}, "holds .."},
		{"refs/heads/-rf", Name{}, "begins with -"},
		{"refs/heads/a/.b", Name{}, "begins with ."},
		{"refs/heads/a.lock/b", Name{}, "ends with .lock"},
		{"refs/heads/a\xff", Name{}, "not UTF-8"},
		{"refs/heads/" + strings.Repeat(long, 4), Name{}, "more than 1024"},
	}
	for _, tt := range tests {
		got, err := ParseName(tt.ref)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%.60q: error %v, want %q", tt.ref, err, tt.err)
		}
		if got != tt.want {
			t.Errorf("%.60q: got %+v, want %+v", tt.ref, got, tt.want)
		}
		if err != nil && (len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\n\x00")) {
			t.Errorf("%.60q: unfit error %q", tt.ref, err)
		}
	}
}

// TestParseNameAgreesWithGit asks git itself, where there is one.
func TestParseNameAgreesWithGit(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git on PATH to compare with")
	}
	for _, short := range []string{
		"a", "a/b", "a b", "a..b", "@", "@a", "a@{b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a//b", "a/", "/a", "$(x)", "'\"", "é", "-a", "a~", "a^", "a:", "a?", "a*", "a[", `a\`, "a\tb", "#", ";", "&&", "<script>",
	} {
		_, err := ParseName("refs/heads/" + short)
		if accepts := exec.CommandContext(t.Context(), git, "check-ref-format", "--branch", short).Run() == nil; accepts != (err == nil) {
			t.Errorf("%q: git accepts it: %v, here: %v", short, accepts, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"refs/heads/main", "refs/tags/v1", "refs/pull/1/merge", "refs/heads/$(id)\n", "refs/heads/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		name, err := ParseName(ref)
		if err != nil {
			if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 1000 {
				t.Errorf("unfit error %q", err)
			}
			return
		}
		if name.Short == "" || strings.ContainsAny(name.Short, "\n\r\x00 \x1b") || !strings.Contains(ref, name.Short) {
			t.Errorf("%q gave %+v", ref, name)
		}
	})
}
