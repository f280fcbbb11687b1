package pipeline

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table renders the results as aligned columns: stage, outcome, seconds, and
// what the stage produced or, in one line, why it did not.
func Table(results []Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	row := func(cells ...string) {
		// A strings.Builder cannot fail.
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	row("STAGE", "OUTCOME", "SECONDS", "PRODUCED")
	for _, r := range results {
		seconds := "-"
		if r.Elapsed > 0 {
			seconds = fmt.Sprintf("%.1f", r.Elapsed.Seconds())
		}
		row(r.Stage, string(r.Outcome), seconds, remark(r))
	}
	_ = w.Flush()
	return b.String()
}

func remark(r Result) string {
	switch {
	case r.Because != "":
		return r.Because + " did not pass"
	case r.Err != nil:
		return firstLine(r.Err.Error())
	default:
		return firstLine(r.Produced)
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
