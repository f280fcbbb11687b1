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

// TestAlarmsAreTold holds the page about day two to the alarms that Terraform makes.
func TestAlarmsAreTold(t *testing.T) {
	t.Parallel()
	files := os.DirFS(root)
	p, err := Read(files, "docs/day-two.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := fs.ReadFile(files, "infra/alarms.tf")
	if err != nil {
		t.Fatal(err)
	}
	var made, told []string
	for _, found := range regexp.MustCompile(`(?m)^    ([a-z0-9-]+) = \{\n      metric `).FindAllSubmatch(source, -1) {
		made = append(made, string(found[1]))
	}
	for _, row := range p.Tables {
		if row.Section == "alarms" && row.Cells[0] != "Alarm" {
			told = append(told, row.Cells[0])
		}
	}
	slices.Sort(made)
	slices.Sort(told)
	if len(made) < 10 || !slices.Equal(made, told) {
		t.Errorf("docs/day-two.md tells %q, Terraform makes %q", told, made)
	}
}

// TestSymptomsLeadToEachSection wants the first table of the page about day two to
// lead to every section behind it.
func TestSymptomsLeadToEachSection(t *testing.T) {
	t.Parallel()
	p, err := Read(os.DirFS(root), "docs/day-two.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, anchor := range p.Anchors[1:] {
		if !slices.ContainsFunc(p.Links, func(l Text) bool { return l.Value == "#"+anchor }) {
			t.Errorf("docs/day-two.md: nothing leads to #%s", anchor)
		}
	}
}
