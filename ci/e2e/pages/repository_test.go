package pages

import (
	"io/fs"
	"os"
	"regexp"
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

// TestPictureNamesWhatIsThere wants the paths in the picture of the architecture to
// exist.
func TestPictureNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	files := os.DirFS(root)
	r, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := fs.ReadFile(files, "docs/architecture.svg")
	if err != nil {
		t.Fatal(err)
	}
	paths := regexp.MustCompile(`<text class="path"[^>]*>([^<]+)</text>`).FindAllSubmatch(picture, -1)
	if len(paths) < 20 {
		t.Errorf("%d paths found in the picture", len(paths))
	}
	for _, found := range paths {
		if name := string(found[1]); !r.Has(name) {
			t.Errorf("docs/architecture.svg: %s", r.noFile(name))
		}
	}
}
