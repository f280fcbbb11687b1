package main

import (
	"strings"

	"dagger/sensor-backend/pipeline"
)

// details is the whole text of each failure, which the table cuts to a line.
func details(results []pipeline.Result) string {
	var b strings.Builder
	for _, r := range results {
		if r.Err != nil {
			b.WriteString("\n" + r.Stage + ": " + strings.TrimSpace(r.Err.Error()) + "\n")
		}
	}
	return b.String()
}

func without(names []string, name string) []string {
	var kept []string
	for _, n := range names {
		if n != name {
			kept = append(kept, n)
		}
	}
	return kept
}
