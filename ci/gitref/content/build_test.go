package content

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/lambdazip"
)

// TestSameContentSameBytes builds each program by its own command from two checkouts
// that differ in all that is no content: their path, the files' times and modes, and
// files beside those that count. The programs have to be the same.
func TestSameContentSameBytes(t *testing.T) {
	t.Parallel()
	needServices(t)
	if testing.Short() {
		t.Skip("it compiles both programs")
	}
	for _, recipe := range []Recipe{API("amd64"), Processor("amd64")} {
		in := find(t, services, recipe)
		here := checkout{filepath.Join(t.TempDir(), "a"), 0o600, time.Now()}
		there := checkout{filepath.Join(t.TempDir(), "another", "much", "longer path"), 0o755, time.Unix(0, 0)}
		here.fill(t, in.Files())
		there.fill(t, in.Files())
		for _, outside := range []string{"README.md", recipe.Package + "/new_test.go", "cmd/other/main.go", "docs/a.md"} {
			there.write(t, outside, []byte("package main // "+outside))
		}
		version := Version{Name: "0a1b2c3d4e5f", Commit: strings.Repeat("0a", 20)}
		first, second := here.build(t, recipe, version), there.build(t, recipe, version)
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two checkouts of the same content give different programs", recipe.Package)
		}
		one, err := lambdazip.Build(first)
		if err != nil {
			t.Fatal(err)
		}
		two, err := lambdazip.Build(second)
		if err != nil || one.CodeSHA256 != two.CodeSHA256 {
			t.Errorf("%s: two packages of the same program differ: %v", recipe.Package, err)
		}
		for _, shown := range []string{version.Name, version.Commit} {
			if !bytes.Contains(first, []byte(shown)) {
				t.Errorf("%s does not hold its version %s", recipe.Package, shown)
			}
		}
		for _, place := range []string{here.dir, there.dir} {
			if bytes.Contains(second, []byte(place)) || bytes.Contains(first, []byte(place)) {
				t.Errorf("%s holds the path that it was built in", recipe.Package)
			}
		}
	}
}

// checkout is a copy of the files that count.
type checkout struct {
	dir  string
	mode os.FileMode
	at   time.Time
}

func (c checkout) fill(t *testing.T, files []string) {
	t.Helper()
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(services, name))
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, name, text)
	}
}

func (c checkout) write(t *testing.T, name string, text []byte) {
	t.Helper()
	file := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, c.mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, c.at, c.at); err != nil {
		t.Fatal(err)
	}
}

func (c checkout) build(t *testing.T, recipe Recipe, v Version) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	command := recipe.Command(v, out)
	run := exec.CommandContext(t.Context(), command[0], command[1:]...)
	run.Dir = c.dir
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	for _, variable := range recipe.Variables() {
		run.Env = append(run.Env, variable[0]+"="+variable[1])
	}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return program
}
