package report

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"dagger/sensor-backend/pipeline/record"
)

// Terminal is the record for a terminal: the headline, the whole reason of each
// failure, what is known, and tables of the stages, gates and artefacts. It has no
// colours: who shows it may not be a terminal.
func Terminal(r record.Record) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	// A strings.Builder cannot fail.
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t")) }
	section := func() { _ = w.Flush(); b.WriteString("\n") }

	b.WriteString(Headline(r) + "\n\n")
	for _, s := range failures(r) {
		fmt.Fprintf(&b, "%s: %s\n\n", plain(s.Name, 40), strings.TrimSpace(visible(s.Reason)))
	}
	for _, f := range facts(r) {
		row(strings.ToLower(f.Name), plain(f.Value, 200))
		if f.Link != "" {
			row("", f.Link)
		}
	}
	section()
	row("STAGE", "OUTCOME", "START", "SECONDS", "RESULT")
	for _, s := range r.Stages {
		row(plain(s.Name, 40), sign(string(s.Outcome))+" "+string(s.Outcome), begins(s), took(s), cmp.Or(result(s), "-"))
	}
	_ = w.Flush()
	if names := notRun(r); names != "" {
		b.WriteString("not chosen: " + names + "\n")
	}
	if len(r.Gates) > 0 {
		section()
		row("GATE", "VERDICT", "REMARK")
		for _, g := range r.Gates {
			row(plain(g.Name, 40), verdict(g), cmp.Or(remark(g), "-"))
		}
	}
	if len(r.Artefacts) > 0 {
		section()
		row("ARTEFACT", "SIZE", "DIGEST")
		for _, a := range r.Artefacts {
			row(plain(a.Name, 60), size(a.Size), a.Digest)
		}
	}
	if lines := planLines(r, mostShown); len(lines) > 0 {
		section()
		row("PLAN")
		for _, line := range lines {
			row(line)
		}
	}
	_ = w.Flush()
	for _, g := range r.Gates {
		for _, line := range first(g.Findings, 20) {
			fmt.Fprintf(&b, "\n%s: %s", plain(g.Name, 40), plain(line, 200))
		}
		if len(g.Findings) > 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// mostShown is how many resources of a plan a terminal shows.
const mostShown = 15

// first returns at most n lines; if there are more, the last one says how many.
func first(lines []string, n int) []string {
	if len(lines) <= n {
		return lines
	}
	kept := append([]string{}, lines[:n-1]...)
	return append(kept, fmt.Sprintf("and %d more", len(lines)-n+1))
}
