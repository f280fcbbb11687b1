package pages

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Commands checks what a page tells its readers to type, in blocks and between
// backquotes: calls of the Dagger module, targets of make, packages and tests of
// go. Between backquotes it also checks paths, tests and arguments.
func (r *Repository) Commands(p Page) []Finding {
	var found []Finding
	add := func(line int, what ...string) {
		for _, one := range what {
			found = append(found, Finding{p.Path, line, one})
		}
	}
	variables := map[string]string{}
	for _, b := range p.Blocks {
		if !b.Commands() {
			continue
		}
		commands, err := Shell(b.Code, variables)
		if err != nil {
			add(b.Line, err.Error())
			continue
		}
		for _, c := range commands {
			add(b.Line+c.Line-1, r.command(p, c)...)
		}
	}
	for _, s := range p.Spans {
		add(s.Line, r.span(p, s.Value, maps.Clone(variables))...)
	}
	return found
}

// Commands reports whether a block is commands: bash, or without a language and not
// drawn.
func (b Block) Commands() bool {
	switch b.Language {
	case "sh", "bash", "shell":
		return true
	case "":
		return !strings.ContainsAny(b.Code, "─│┌└►") && !strings.Contains(b.Code, "-->")
	}
	return false
}

// command checks one command; a program that is not ours may be called as one likes.
func (r *Repository) command(p Page, c Command) []string {
	// A program may be put before the one that counts.
	words := c.Words
	for len(words) > 1 && slices.Contains([]string{"exec", "time", "nice", "sudo", "env"}, words[0]) {
		words = words[1:]
	}
	c.Words = words
	switch words[0] {
	case "dagger":
		return r.module.dagger(c)
	case "make":
		return r.make(c)
	case "go":
		return r.goTool(p, c)
	}
	if strings.HasPrefix(words[0], "./") && !r.Has(path.Join(words[0])) && !r.Has(path.Join(path.Dir(p.Path), words[0])) {
		return []string{r.noFile(path.Clean(words[0]))}
	}
	return nil
}

// make checks the targets of a call of make.
func (r *Repository) make(c Command) []string {
	var wrong []string
	for _, word := range c.Words[1:] {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") && !slices.Contains(r.targets, word) {
			wrong = append(wrong, unknown("target of make", word, r.targets))
		}
	}
	return wrong
}

var (
	pathForm = regexp.MustCompile(`^\.?[\w.-]+(?:/[\w.*-]+)+/?$`)
	nameForm = regexp.MustCompile(`^(?:Test|Benchmark|Fuzz)[A-Z]\w*$`)
	// placeholder is what a reader puts a name for.
	placeholder = regexp.MustCompile(`\b[A-Z][A-Z_]+\b`)
	flagForm    = regexp.MustCompile(`^--?[a-z]`)
)

// span checks a text between backquotes for what it looks like.
func (r *Repository) span(p Page, text string, variables map[string]string) []string {
	switch {
	case pathForm.MatchString(text):
		return r.path(p, text)
	case nameForm.MatchString(text):
		return r.test(text)
	}
	first, rest, more := strings.Cut(text, " ")
	switch {
	case !more && strings.HasPrefix(text, "--"):
		return r.module.anyFlag(text)
	case slices.Contains([]string{"dagger", "make", "go", "cd"}, first):
	case more && flagForm.MatchString(rest) && r.module.has(first):
		// A function with an argument or two, as pages name them in passing.
		text = "dagger call " + text + " …"
	case more && strings.HasPrefix(text, "--"):
		return r.module.anyFlag(first)
	default:
		return nil
	}
	commands, err := Shell(text, variables)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	for _, c := range commands {
		// A command named in passing need not be whole.
		c.Partial = true
		wrong = append(wrong, r.command(p, c)...)
	}
	return wrong
}

// path checks what looks like the path of a file: one that begins like a path of
// the repository, from its root or from where the page lies.
func (r *Repository) path(p Page, text string) []string {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "/"), "/...")
	first, _, _ := strings.Cut(text, "/")
	form := placeholder.ReplaceAllString(text, "*")
	begins := false
	for _, base := range []string{".", path.Dir(p.Path)} {
		begins = begins || r.Has(path.Join(base, first))
		if matched := slices.ContainsFunc(r.all, func(name string) bool {
			ok, err := path.Match(path.Join(base, form), name)
			return err == nil && ok
		}); matched {
			return nil
		}
	}
	if !begins {
		return nil
	}
	return []string{r.noFile(text)}
}

// test checks that a test of this name is in the repository.
func (r *Repository) test(name string) []string {
	var all []string
	for _, names := range r.tests {
		all = append(all, names...)
	}
	if slices.Contains(all, name) {
		return nil
	}
	return []string{unknown("test", name, all)}
}
