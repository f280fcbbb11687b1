package pages

import (
	"os"
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
