package content

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a git repository with a module at services.
type repository struct {
	dir string
	t   *testing.T
}

func newRepository(t *testing.T, args ...string) repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git to ask")
	}
	r := repository{t.TempDir(), t}
	r.git(append([]string{"init", "--quiet", "--initial-branch=main"}, args...)...)
	for name, file := range sample() {
		r.write("services/"+name, string(file.Data))
	}
	r.write(RecipeFile, string(recipeText))
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	return r.run(append([]string{"git"}, args...)...)
}

func (r repository) run(command ...string) string {
	r.t.Helper()
	run := exec.CommandContext(r.t.Context(), command[0], command[1:]...)
	run.Dir = r.dir
	run.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@localhost", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@localhost")
	out, err := run.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return string(out)
}

func (r repository) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) remove(name string) {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits everything and returns the commit.
func (r repository) commit(message string) string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--message", message)
	return r.head()
}

func (r repository) head() string {
	r.t.Helper()
	return strings.TrimSpace(r.git("rev-parse", "HEAD"))
}

// version asks git as the pipeline does.
func (r repository) version() Version {
	r.t.Helper()
	module := os.DirFS(filepath.Join(r.dir, "services"))
	recipe := API("arm64")
	recipe.Package = "cmd/one"
	in, err := Find(module, recipe.Package)
	if err != nil {
		r.t.Fatal(err)
	}
	h := History{Commit: r.head()}
	h.Answer = r.run(in.Question("services", h.Commit)...)
	ends, err := os.ReadFile(filepath.Join(r.dir, ".git/shallow"))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	h.Ends = string(ends)
	v, err := in.Version(module, "services", recipe, h)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r repository) wants(what, commit string) {
	r.t.Helper()
	v := r.version()
	if v.Dirty || v.Commit != commit || v.Name != commit[:short] {
		r.t.Errorf("%s: the version is %+v, want commit %s:\n%s", what, v, commit, r.git("log", "--oneline", "--graph"))
	}
}

// TestVersionIsTheLastCommitThatChangedTheContent goes through a history with git
// itself.
func TestVersionIsTheLastCommitThatChangedTheContent(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		r := newRepository(t, "--object-format="+format)
		last := r.commit("begin")
		r.wants("the first commit", last)
		for _, outside := range []string{
			"README.md", "docs/a.md", "infra/main.tf", "ci/build.go", "services/README.md", "services/cmd/two/main.go",
			"services/internal/b/b_test.go", "services/internal/b/_draft.go", "services/cmd/one/notes.txt", "services/internal/tested/tested.go",
		} {
			r.write(outside, "package x // "+outside+"\n")
			r.commit("change " + outside)
			r.wants(outside, last)
		}
		for _, inside := range []string{
			"services/cmd/one/more.go", "services/internal/b/new_windows.go", "services/internal/a/page/new.css", "services/go.sum",
			"services/internal/a/raw/.hidden", "services/cmd/one/default.pgo",
		} {
			text := "new"
			if strings.HasSuffix(inside, ".go") {
				text = "package main\n"
			}
			r.write(inside, text)
			last = r.commit("change " + inside)
			r.wants(inside, last)
		}
		for _, inside := range []string{"services/internal/b/asm_arm64.s", "services/internal/a/page/deep/x.css", "services/internal/b/new_windows.go"} {
			r.remove(inside)
			last = r.commit("remove " + inside)
			r.wants("removed "+inside, last)
		}
		r.commit("nothing at all")
		r.wants("an empty commit", last)
	}
}

// TestVersionThroughMerges wants the commit of a branch, not the merge that brought
// it, and the merge only where it joins two changes.
func TestVersionThroughMerges(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.commit("begin")
	r.git("checkout", "--quiet", "-b", "topic")
	r.write("services/internal/b/b.go", "package b\n\nvar X = 1\n")
	topic := r.commit("change the program")
	r.git("checkout", "--quiet", "main")
	r.write("docs/a.md", "text")
	r.commit("change the documentation")
	r.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")
	r.wants("one side changed it", topic)

	r.git("checkout", "--quiet", "-b", "other")
	r.write("services/internal/b/b.go", "package b\n\nvar X = 2\n")
	r.commit("there")
	r.git("checkout", "--quiet", "main")
	r.write("services/cmd/one/more.go", "package main\n")
	r.commit("here")
	r.git("merge", "--quiet", "--message=merge", "other")
	r.wants("both sides changed it", r.head())
}

func TestVersionOfADirtyTree(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(repository){
		"changed": func(r repository) { r.write("services/internal/b/b.go", "package b\n\nvar X = 1\n") },
		"added":   func(r repository) { r.write("services/internal/b/new.go", "package b\n") },
		"removed": func(r repository) { r.remove("services/internal/b/asm_arm64.s") },
	} {
		r := newRepository(t)
		clean := r.commit("begin")
		before := r.version()
		change(r)
		v := r.version()
		if !v.Dirty || v.Commit != clean || v.Name != unnamed+v.Hash[:short] || v.Hash == before.Hash {
			t.Errorf("%s: %+v", name, v)
		}
		r.write("services/internal/b/b_test.go", "package b\n")
		if again := r.version(); again != v {
			t.Errorf("%s: a test makes %+v of %+v", name, again, v)
		}
	}
	r := newRepository(t)
	last := r.commit("begin")
	r.write("services/internal/b/b_test.go", "package b\n")
	r.wants("a test alone is not committed", last)
	r.write(RecipeFile, "package content\n")
	r.commit("another recipe")
	if v := r.version(); !v.Dirty {
		t.Errorf("built by another recipe than the commit's: %+v", v)
	}
}

// TestVersionInAShallowClone names a commit where the clone reaches back to it, and
// the content where it does not: with git's answer every file would be new in the
// oldest commit that the clone has.
func TestVersionInAShallowClone(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.commit("begin")
	r.write("services/internal/b/b.go", "package b\n\nvar X = 1\n")
	last := r.commit("change the program")
	r.write("docs/a.md", "text")
	r.commit("change the documentation")
	full := r.version()
	if full.Commit != last {
		t.Fatalf("%+v", full)
	}
	for depth, want := range map[string]Version{
		"1": {Name: unnamed + full.Hash[:short], Hash: full.Hash},
		"2": {Name: unnamed + full.Hash[:short], Hash: full.Hash},
		"3": full,
	} {
		clone := repository{t.TempDir(), t}
		clone.git("clone", "--quiet", "--depth="+depth, "file://"+r.dir, ".")
		if got := clone.version(); got != want {
			t.Errorf("depth %s: %+v, want %+v", depth, got, want)
		}
	}
}

func TestVersionWithoutHistory(t *testing.T) {
	t.Parallel()
	in, err := Find(sample(), "cmd/one")
	if err != nil {
		t.Fatal(err)
	}
	v, err := in.Version(sample(), "services", API("arm64"), History{Commit: strings.Repeat("a", 40)})
	if err != nil || v.Commit != "" || v.Dirty || v.Name != unnamed+v.Hash[:short] {
		t.Errorf("%+v, %v", v, err)
	}
	for _, h := range []History{{Answer: "what\x00\x00"}, {Answer: "100644 blob x\tservices/go.mod\x00\x00"}} {
		if _, err := in.Version(sample(), "services", API("arm64"), h); err == nil {
			t.Errorf("took %+v", h)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add("100644 blob " + strings.Repeat("a", 40) + "\tservices/go.mod\x00160000 commit " + strings.Repeat("b", 40) + "\tsub\x00")
	f.Add("\x00\t")
	f.Fuzz(func(t *testing.T, printed string) {
		files, err := ParseTree(printed)
		for name, object := range files {
			if err != nil || name == "" || len(object) != 40 && len(object) != 64 || !strings.Contains(printed, "\t"+name) {
				t.Errorf("%q gave %q as %q, %v", printed, object, name, err)
			}
		}
	})
}
