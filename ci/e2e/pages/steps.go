package pages

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Step is what a page tells to type, and what to expect of it.
type Step struct {
	// Section is the anchor of the heading above, Line that of the commands.
	Section string
	Line    int
	// Commands are for bash.
	Commands string
	// Expect are texts that the output has, in any order; … in one is anything on a
	// line.
	Expect []string
	// Code is the exit code of the last command.
	Code int
}

// exitCode is the line that tells of one.
const exitCode = "exit code "

// Steps are a page's blocks of commands in their order. A block of language text
// behind one says what to expect of it.
func (p Page) Steps() []Step {
	var all []Step
	for _, b := range p.Blocks {
		switch {
		case b.Language == "text" && len(all) > 0 && all[len(all)-1].Section == b.Section:
			last := &all[len(all)-1]
			for line := range strings.Lines(b.Code) {
				line = strings.TrimSpace(line)
				if number, ok := strings.CutPrefix(line, exitCode); ok {
					if n, err := strconv.Atoi(number); err == nil {
						last.Code = n
						continue
					}
				}
				if line != "" {
					last.Expect = append(last.Expect, line)
				}
			}
		case b.Commands():
			all = append(all, Step{Section: b.Section, Line: b.Line, Commands: b.Code})
		}
	}
	return all
}

// Check says in what an output differs from what was to be expected; nothing if in
// nothing.
func (s Step) Check(output string, code int) []string {
	var wrong []string
	if code != s.Code {
		wrong = append(wrong, fmt.Sprintf("exit code %d, want %d", code, s.Code))
	}
	for _, text := range s.Expect {
		parts := strings.Split(text, "…")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(strings.TrimSpace(part))
		}
		if !regexp.MustCompile(strings.Join(parts, `[^\n]*`)).MatchString(output) {
			wrong = append(wrong, "no line is like "+strconv.Quote(text))
		}
	}
	return wrong
}
