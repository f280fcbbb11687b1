package main

import (
	"regexp"
	"strconv"
	"strings"
)

// stage is what a pipeline printed of one of its stages.
type stage struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
}

var (
	// scriptLine is the line of classic/deploy.sh, and reportLine a row of the report that
	// `dagger call deploy` ends with.
	scriptLine = regexp.MustCompile(`^stage (\w+) (passed|failed) ([0-9]*\.?[0-9]+)$`)
	reportLine = regexp.MustCompile(`^(\w+)\s+\S+ (passed|failed|skipped|canceled)\s+\+[0-9.]+\s+([0-9.]+)\s`)
)

// parseStages reads the stages from what either pipeline printed.
func parseStages(printed string) []stage {
	var all []stage
	for line := range strings.Lines(printed) {
		line = strings.TrimRight(line, "\r\n")
		m := scriptLine.FindStringSubmatch(line)
		if m == nil {
			m = reportLine.FindStringSubmatch(line + " ")
		}
		if m == nil {
			continue
		}
		seconds, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			continue
		}
		all = append(all, stage{m[1], m[2], seconds})
	}
	return all
}
