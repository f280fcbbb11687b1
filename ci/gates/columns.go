package gates

import (
	"fmt"
	"strconv"
	"strings"
)

// ReadColumns reads findings that a tool was told to write as file, line, rule
// and message, one a line, with tabs between them.
func ReadColumns(text string) ([]Finding, error) {
	var found []Finding
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		columns := strings.SplitN(line, "\t", 4)
		if len(columns) < 4 {
			return nil, fmt.Errorf("finding %q: want file, line, rule and message", line)
		}
		number, err := strconv.Atoi(columns[1])
		if err != nil {
			return nil, fmt.Errorf("finding %q: its line is not a number", line)
		}
		found = append(found, Finding{File: columns[0], Line: number, Rule: columns[2], Message: columns[3]})
	}
	return found, nil
}
