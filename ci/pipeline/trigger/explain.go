package trigger

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/text"
)

// Explain renders a decision for a terminal: what came, what follows, and a
// table of the stages with the reason for each. Names are clipped and without
// control characters.
func Explain(e Event, d Decision) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	// A strings.Builder cannot fail.
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("event", e.Name+" of "+printable(e.Ref)+" at "+printable(e.SHA[:min(len(e.SHA), 12)])+fork(e.Fork))
	row("rule", d.Why)
	row("environment", cmp.Or(d.Environment, "none"))
	row("target", where(e, d))
	row("deploys", yesNo(d.Deploys))
	_ = w.Flush()
	b.WriteString("\n")
	row("STAGE", "RUNS", "WHY")
	for _, s := range d.Stages {
		row(s.Name, yesNo(s.Runs), s.Why)
	}
	_ = w.Flush()
	return b.String()
}

func fork(is bool) string {
	if is {
		return ", from a fork"
	}
	return ""
}

func where(e Event, d Decision) string {
	switch {
	case d.Environment == "":
		return "none"
	case e.Credentials:
		return "the AWS account of the run's credentials"
	default:
		return "the emulated AWS"
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// printable is a name fit for one line of a terminal: control and invisible
// characters are written as escapes, and a long one is clipped.
func printable(s string) string {
	quoted := strconv.Quote(clip(s))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// mostShown is how many characters of a stranger's text a message shows.
const mostShown = 100

func clip(s string) string { return text.Clip(s, mostShown) }

func join(kinds []gitref.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, " or ")
}
