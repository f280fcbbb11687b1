// Package excerpt takes from a tool's output the lines that say what is wrong.
package excerpt

import (
	"fmt"
	"strings"
)

// most is how many lines are kept: a screen.
const most = 60

// Of returns the last lines of a tool's output without those that report
// nothing wrong: empty ones and those of Go packages that passed or have no
// tests. Its first line tells how many were left out before.
func Of(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if !idle(line) {
			kept = append(kept, line)
		}
	}
	if cut := len(kept) - most; cut > 0 {
		kept = append([]string{fmt.Sprintf("(%d lines before)", cut)}, kept[cut:]...)
	}
	return strings.Join(kept, "\n")
}

// FirstLine is the first line of a text that says more below it.
func FirstLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}

func idle(line string) bool {
	return strings.TrimSpace(line) == "" ||
		strings.HasPrefix(line, "ok  \t") ||
		strings.HasSuffix(line, "\tcoverage: 0.0% of statements") ||
		strings.HasSuffix(line, "[no test files]")
}
