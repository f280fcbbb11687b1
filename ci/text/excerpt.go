// Package text shortens text for people: the lines of a tool's output that say
// what is wrong, a first line, a clipped name.
package text

import (
	"fmt"
	"slices"
	"strings"
)

// most is how many lines are kept: a screen.
const most = 60

// Excerpt returns the lines of a tool's output that Last chooses, a screen of them,
// without those that report nothing wrong: empty ones and those of Go packages
// that passed or have no tests. It tells how many were left out before and after.
func Excerpt(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if !idle(line) {
			kept = append(kept, line)
		}
	}
	start, end := window(kept, most)
	var shown []string
	if start > 0 {
		shown = append(shown, fmt.Sprintf("(%d lines before)", start))
	}
	shown = append(shown, kept[start:end]...)
	if after := len(kept) - end; after > 0 {
		shown = append(shown, fmt.Sprintf("(%d lines after)", after))
	}
	return strings.Join(shown, "\n")
}

// Last is at most n lines: the last ones, or, where a Go program panicked before
// those, the ones from the panic on. What it died of stands above its stacks,
// and those alone can be longer than any excerpt.
func Last(lines []string, n int) []string {
	start, end := window(lines, n)
	return lines[start:end]
}

func window(lines []string, n int) (start, end int) {
	start = max(0, len(lines)-n)
	if p := slices.IndexFunc(lines, panics); p >= 0 {
		start = min(start, p)
	}
	return start, min(len(lines), start+n)
}

// panics reports whether a line is the first that Go's runtime writes when it
// ends a program.
func panics(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

func idle(line string) bool {
	return strings.TrimSpace(line) == "" ||
		strings.HasPrefix(line, "ok  \t") ||
		strings.HasSuffix(line, "\tcoverage: 0.0% of statements") ||
		strings.HasSuffix(line, "[no test files]")
}
