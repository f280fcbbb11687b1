package pages

import (
	"io/fs"
	"os"
	"slices"
	"testing"
)

// root is the repository's.
const root = "../../.."

// TestPages holds every page of the repository against the repository.
func TestPages(t *testing.T) {
	t.Parallel()
	files := os.DirFS(root)
	r, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	pages := r.Pages()
	if len(pages) < 8 {
		t.Errorf("%d pages found: %v", len(pages), pages)
	}
	for _, path := range pages {
		p, err := Read(files, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Check(p) {
			t.Error(f)
		}
	}
}

// TestMessages wants refusals and other texts of the module to name arguments that
// it has.
func TestMessages(t *testing.T) {
	t.Parallel()
	module := os.DirFS(root + "/ci")
	m, err := ReadModule(module)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Messages(module, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error("ci/" + f.String())
	}
}

// TestSettings holds the page about CI to the variables and secrets that the
// workflows read, and to the workflows that there are.
func TestSettings(t *testing.T) {
	t.Parallel()
	p, err := Read(os.DirFS(root), "docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	workflows := os.DirFS(root + "/.github/workflows")
	read, err := Settings(workflows)
	if err != nil || len(read) == 0 {
		t.Fatalf("%d settings, %v", len(read), err)
	}
	for _, f := range Compare(p, "variables-and-secrets", read) {
		t.Error(f)
	}
	files, err := fs.Glob(workflows, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.ContainsFunc(p.Tables, func(r Row) bool { return r.Section == "workflows" && r.Cells[0] == file }) {
			t.Errorf("docs/ci.md: its table of workflows lacks %s", file)
		}
	}
}
