package pages

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Repository is what pages are held against.
type Repository struct {
	files fs.FS
	// all are the paths of files and directories, sorted.
	all []string
	// tests are the names of test functions, by the directory of their package.
	tests   map[string][]string
	targets []string
	module  Module
}

// skipped are directories that hold nothing of the repository's own.
var skipped = []string{".git", "node_modules", ".terraform", "bin", "dist"}

var (
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// Open reads what a repository has: its root holds a Makefile, and ci the Dagger
// module.
func Open(files fs.FS) (*Repository, error) {
	r := &Repository{files: files, tests: map[string][]string{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return fs.SkipDir
		}
		r.all = append(r.all, name)
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		content, err := fs.ReadFile(files, name)
		for _, found := range testFunc.FindAllSubmatch(content, -1) {
			r.tests[path.Dir(name)] = append(r.tests[path.Dir(name)], string(found[1]))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the repository: %w", err)
	}
	// A directory's files come before what sorts between, such as ci/a before ci.go.
	slices.Sort(r.all)
	makefile, err := fs.ReadFile(files, "Makefile")
	if err != nil {
		return nil, fmt.Errorf("read the repository: %w", err)
	}
	for _, found := range makeTarget.FindAllSubmatch(makefile, -1) {
		r.targets = append(r.targets, string(found[1]))
	}
	if len(r.targets) == 0 {
		return nil, errors.New("read the repository: its Makefile has no target")
	}
	module, err := fs.Sub(files, "ci")
	if err != nil {
		return nil, err
	}
	r.module, err = ReadModule(module)
	return r, err
}

// Pages are the paths of the repository's Markdown pages; what tests compare with
// is none.
func (r *Repository) Pages() []string {
	var pages []string
	for _, name := range r.all {
		if path.Ext(name) == ".md" && !slices.Contains(strings.Split(name, "/"), "testdata") {
			pages = append(pages, name)
		}
	}
	return pages
}

// Has reports whether there is such a file or directory.
func (r *Repository) Has(name string) bool {
	_, found := slices.BinarySearch(r.all, path.Clean(name))
	return found || path.Clean(name) == "."
}

// Check is Links and Commands.
func (r *Repository) Check(p Page) []Finding {
	found := append(r.Links(p), r.Commands(p)...)
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Line - b.Line })
	return found
}
