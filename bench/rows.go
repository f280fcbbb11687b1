package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// row is one kind of change: a line at the end of a file, or nothing.
type row struct {
	name string
	// file is what is changed, and line the text, with the number of the change in it.
	file, line string
}

// allRows are the changes in the order in which they are made. The first deploy of a
// fresh emulated AWS comes before them, as a row of its own.
func allRows() []row {
	return []row{
		{name: "nothing"},
		{"docs", "README.md", "\nBench %d.\n"},
		{"infra", "infra/variables.tf", "\n# bench %d\n"},
		{"ci", "ci/shown.go", "\n// bench %d\n"},
		{"processor", "services/cmd/processor/main.go", "\nvar _ = %d\n"},
		{"api", "services/cmd/api/version.go", "\nvar _ = %d\n"},
	}
}

// emptyRow is the deploy to an AWS that holds nothing.
const emptyRow = "empty AWS"

// choose picks rows by their names; no names are all of them.
func choose(names string) ([]row, error) {
	if names == "" {
		return allRows(), nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, r := range allRows() {
			if r.name == name {
				chosen, found = append(chosen, r), true
			}
		}
		if !found {
			return nil, fmt.Errorf("unknown row %q: choose from nothing, docs, infra, ci, processor, api", name)
		}
	}
	return chosen, nil
}

// change makes the n-th change in a checkout. It is not committed yet.
func (r row) change(dir string, n int) error {
	if r.file == "" {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(dir, r.file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("change %s: %w", r.file, err)
	}
	if _, err := fmt.Fprintf(file, r.line, n); err != nil {
		return fmt.Errorf("change %s: %w", r.file, err)
	}
	return file.Close()
}
