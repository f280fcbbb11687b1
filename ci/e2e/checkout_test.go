//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout is a repository of its own with the working tree's files in one
// commit, as actions/checkout would leave it.
type checkout struct{ dir, sha string }

// newCheckout makes one in which some files, by path, have another content.
func newCheckout(t *testing.T, changed map[string]string) checkout {
	t.Helper()
	c := checkout{dir: t.TempDir()}
	files := run(t, repository(t), nil, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	for name := range strings.SplitSeq(strings.TrimSuffix(files, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(repository(t), name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(repository(t), name))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := changed[name]; ok {
			content = []byte(other)
		}
		target := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, c.dir, nil, "git", "init", "--quiet", "--initial-branch=main")
	run(t, c.dir, nil, "git", "add", "--all")
	run(t, c.dir, []string{
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
	}, "git", "commit", "--quiet", "--message=The working tree")
	c.sha = strings.TrimSpace(run(t, c.dir, nil, "git", "rev-parse", "HEAD"))
	return c
}

// run is the standard output of a command that must succeed.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, tail(stdout.String()), tail(stderr.String()))
	}
	return stdout.String()
}
