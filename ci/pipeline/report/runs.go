package report

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"dagger/sensor-backend/pipeline/record"
)

// Runs lists records for a terminal, one a line, in the order given.
func Runs(records []record.Record) string {
	if len(records) == 0 {
		return "no runs are recorded\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	// A strings.Builder cannot fail.
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("STARTED", "COMMIT", "BRANCH", "EVENT", "DID", "OUTCOME", "SECONDS", "BY")
	for _, r := range records {
		row(r.Started.UTC().Format("2006-01-02 15:04:05"), cmp.Or(r.Commit[:min(len(r.Commit), 12)], "-"), cmp.Or(plain(r.Branch, 30), "-"),
			plain(r.Event, 30), did(r), sign(string(r.Outcome))+" "+string(r.Outcome)+also(open(r), ", open"), fmt.Sprintf("%.0f", r.Ended.Sub(r.Started).Seconds()), cmp.Or(plain(r.By.Actor, 40), "-"))
	}
	_ = w.Flush()
	return b.String()
}

// did is what a run was for.
func did(r record.Record) string {
	switch {
	case r.Kind == record.Rollback:
		return "rollback"
	case r.Decision.Deploys:
		return "deploy"
	default:
		return "look"
	}
}

// also is a text where it applies.
func also(applies bool, text string) string {
	if applies {
		return text
	}
	return ""
}
