package pages

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// goTool checks the packages and tests that a go command names, from the directory
// that `cd` led to, which begins at the repository's root or where the page lies.
func (r *Repository) goTool(p Page, c Command) []string {
	var first []string
	for _, base := range []string{".", path.Dir(p.Path)} {
		wrong := r.goFrom(path.Join(append([]string{base}, c.Dirs...)...), c)
		if len(wrong) == 0 {
			return nil
		}
		if first == nil {
			first = wrong
		}
	}
	return first
}

// withValue are the flags of go that take the next word.
func withValue(flag string) bool {
	return slices.Contains([]string{"-run", "-bench", "-fuzz", "-fuzztime", "-count", "-timeout", "-tags", "-o", "-benchtime", "-skip"}, flag)
}

func (r *Repository) goFrom(dir string, c Command) []string {
	words := c.Words[1:]
	if len(words) > 1 && words[0] == "-C" {
		dir, words = path.Join(dir, words[1]), words[2:]
	}
	if !r.Has(dir) {
		return []string{r.noFile(dir)}
	}
	if len(words) == 0 || !slices.Contains([]string{"run", "test", "build", "vet", "generate"}, words[0]) {
		return nil
	}
	verb := words[0]
	var packages []string
	patterns := map[string]string{}
	for i := 1; i < len(words); i++ {
		name, value, given := strings.Cut(words[i], "=")
		switch {
		case !strings.HasPrefix(name, "-"):
			packages = append(packages, words[i])
			continue
		case !given && withValue(name) && i+1 < len(words):
			i++
			value = words[i]
		}
		patterns[name] = value
	}
	if verb == "run" {
		// What stands behind the package is the program's.
		packages = packages[:min(len(packages), 1)]
	}
	if len(packages) == 0 {
		packages = []string{"."}
	}
	var wrong, dirs []string
	for _, name := range packages {
		if name != "." && !strings.HasPrefix(name, "./") && !strings.HasPrefix(name, "../") {
			continue // of another module
		}
		matched := r.packages(path.Join(dir, strings.TrimSuffix(name, "/...")), strings.HasSuffix(name, "/..."))
		if len(matched) == 0 {
			wrong = append(wrong, fmt.Sprintf("go %s %s in %s: %s", verb, name, dir, r.noFile(path.Join(dir, strings.TrimSuffix(name, "/...")))))
		}
		dirs = append(dirs, matched...)
	}
	if len(wrong) > 0 || verb != "test" {
		return wrong
	}
	for _, flag := range []string{"-run", "-bench", "-fuzz"} {
		wrong = append(wrong, r.chosen(flag, patterns[flag], dirs)...)
	}
	return wrong
}

// packages are the directories with Go files at a path, or also below it.
func (r *Repository) packages(dir string, below bool) []string {
	var found []string
	for _, name := range r.all {
		at := path.Dir(name)
		inside := at == dir || below && (dir == "." || strings.HasPrefix(at, dir+"/"))
		if path.Ext(name) == ".go" && inside && !slices.Contains(found, at) {
			found = append(found, at)
		}
	}
	return found
}

// chosen checks that a flag chooses at least one test.
func (r *Repository) chosen(flag, pattern string, dirs []string) []string {
	pattern, _, _ = strings.Cut(pattern, "/")
	if pattern == "" || pattern == "^$" || pattern == "." || strings.Contains(pattern, Value) {
		return nil
	}
	form, err := regexp.Compile(pattern)
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, dir := range dirs {
		names = append(names, r.tests[dir]...)
	}
	if slices.ContainsFunc(names, form.MatchString) {
		return nil
	}
	return []string{flag + " chooses nothing: " + unknown("test", pattern, names)}
}
