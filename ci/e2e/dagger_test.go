//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// result is what a dagger command printed and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

// dagger runs `dagger call` in the repository with more environment variables.
func dagger(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return daggerIn(t, repository(t), env, args...)
}

// daggerIn is dagger in a checkout elsewhere.
func daggerIn(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "dagger", append([]string{"--progress=plain", "call"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run dagger: %v", err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// succeeds is dagger for calls that must end well.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	r := dagger(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("dagger call %q ended with %d:\n%s\n%s", args, r.code, r.stdout, tail(r.stderr))
	}
	return r.stdout
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// repository is the root of the working tree.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// altered is a copy of a directory of the repository with some files written
// over.
func altered(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	source := filepath.Join(repository(t), dir)
	copied := filepath.Join(t.TempDir(), dir)
	err := filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		target := filepath.Join(copied, relative)
		switch {
		case entry.Name() == ".terraform":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	writeOver(t, copied, files)
	return copied
}

// writeOver writes files over those of a directory.
func writeOver(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// edited is a file of the repository with one text in place of another.
func edited(t *testing.T, file, before, after string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(t), file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(before)) {
		t.Fatalf("%s does not contain %q", file, before)
	}
	return string(bytes.Replace(content, []byte(before), []byte(after), 1))
}
