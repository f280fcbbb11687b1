package pages

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Setting is a variable or a secret of GitHub's that workflows read.
type Setting struct {
	// Kind is variable or secret.
	Kind string
	// Workflows are the names of the files that read it, without .yml, sorted.
	Workflows []string
	// Default is what is taken where it is not set; empty for nothing.
	Default string
}

// String is KIND, WORKFLOW, WORKFLOW.
func (s Setting) String() string { return s.Kind + " of " + strings.Join(s.Workflows, ", ") }

var setting = regexp.MustCompile(`\b(vars|secrets)\.([A-Za-z_][A-Za-z0-9_]*)(?: \|\| '([^']+)')?`)

// Settings are what the workflows of a directory read, by name. The token that
// GitHub itself makes for each job is nobody's to set.
func Settings(dir fs.FS) (map[string]Setting, error) {
	files, err := fs.Glob(dir, "*.yml")
	if err != nil {
		return nil, err
	}
	all := map[string]Setting{}
	for _, file := range files {
		content, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, fmt.Errorf("read the workflow: %w", err)
		}
		name := strings.TrimSuffix(file, path.Ext(file))
		for _, found := range setting.FindAllStringSubmatch(string(content), -1) {
			kind := map[string]string{"vars": "variable", "secrets": "secret"}[found[1]]
			s := all[found[2]]
			if found[2] == "GITHUB_TOKEN" || slices.Contains(s.Workflows, name) {
				continue
			}
			all[found[2]] = Setting{Kind: kind, Workflows: append(s.Workflows, name), Default: found[3]}
		}
	}
	return all, nil
}

// Compare says in what a page's table of settings, with name, kind and workflows in
// its first columns and a default in its last, differs from what the workflows read.
func Compare(p Page, section string, read map[string]Setting) []Finding {
	var found []Finding
	told := map[string]bool{}
	last := 1
	for _, row := range p.Tables {
		if row.Section != section || len(row.Cells) < 3 || row.Cells[0] == "Name" {
			continue
		}
		name := row.Cells[0]
		last, told[name] = row.Line, true
		workflows := strings.Split(row.Cells[2], ", ")
		slices.Sort(workflows)
		says := Setting{Kind: row.Cells[1], Workflows: workflows}
		switch is, ok := read[name]; {
		case !ok:
			found = append(found, Finding{p.Path, row.Line, "no workflow reads it: " + unknown("setting", name, slices.Collect(maps.Keys(read)))})
		case is.String() != says.String():
			found = append(found, Finding{p.Path, row.Line, fmt.Sprintf("%s is a %s, not a %s", name, is, says)})
		case is.Default != "" && !strings.Contains(row.Cells[len(row.Cells)-1], is.Default):
			found = append(found, Finding{p.Path, row.Line, fmt.Sprintf("without %s the workflows take %q, which the row's last cell does not say", name, is.Default)})
		}
	}
	for name, is := range read {
		if !told[name] {
			found = append(found, Finding{p.Path, last, fmt.Sprintf("the table lacks %s, a %s", name, is)})
		}
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}
