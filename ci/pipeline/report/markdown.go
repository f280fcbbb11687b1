package report

import (
	"fmt"
	"html"
	"strings"

	"dagger/sensor-backend/pipeline/record"
)

// Markdown is the record for a CI's step summary, in GitHub's Markdown. Whatever
// comes from outside is written with character references, which Markdown never
// takes for structure (CommonMark, "Entity and numeric character references"),
// so that no name ends a cell, opens an element or becomes a link.
func Markdown(r record.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\n", sign(string(r.Outcome)), md(Headline(r), 200))
	table(&b, []string{"", ""}, func(row func(cells ...string)) {
		for _, f := range facts(r) {
			value := md(f.Value, 300)
			if f.Link != "" {
				value += " (<a href=\"" + html.EscapeString(f.Link) + "\">the run</a>)"
			}
			row(f.Name, value)
		}
	})
	table(&b, []string{"Stage", "Outcome", "Start", "Seconds", "Result"}, func(row func(cells ...string)) {
		for _, s := range r.Stages {
			row(md(s.Name, 40), sign(string(s.Outcome))+" "+md(string(s.Outcome), 20), begins(s), took(s), md(result(s), 160))
		}
	})
	if names := notRun(r); names != "" {
		b.WriteString("Not chosen: " + md(names, 200) + "\n\n")
	}
	if halves := versions(r); len(halves) > 0 {
		table(&b, []string{"Half", "Before", "Deployed", "Verdict", "Runs now"}, func(row func(cells ...string)) {
			for _, v := range halves {
				row(v.Half, md(v.Before, 80), md(v.Deployed, 80), md(v.Verdict, 80), md(v.Runs, 80))
			}
		})
	}
	if len(r.Gates) > 0 {
		table(&b, []string{"Gate", "Verdict", "Remark"}, func(row func(cells ...string)) {
			for _, g := range r.Gates {
				row(md(g.Name, 40), verdict(g), md(remark(g), 200))
			}
		})
	}
	if len(r.Artefacts) > 0 {
		table(&b, []string{"Artefact", "Size", "Digest"}, func(row func(cells ...string)) {
			for _, a := range r.Artefacts {
				row(md(a.Name, 60), size(a.Size), md(a.Digest, 140))
			}
		})
	}
	for _, s := range failures(r) {
		folded(&b, s.Name+" "+string(s.Outcome), s.Reason)
		if len(s.Log) > 0 {
			folded(&b, s.Name+": what it said", strings.Join(first(s.Log, 50), "\n"))
		}
	}
	if lines := planLines(r, mostResources); len(lines) > 0 {
		folded(&b, "what the plan changed", strings.Join(lines, "\n"))
	}
	for _, g := range r.Gates {
		if len(g.Findings) > 0 {
			folded(&b, g.Name+": findings", strings.Join(first(g.Findings, 50), "\n"))
		}
	}
	fmt.Fprintf(&b, "Record %s, schema %d\n", md(r.ID, 60), r.Schema)
	return b.String()
}

// table writes a table with an empty line behind it.
func table(b *strings.Builder, head []string, rows func(row func(cells ...string))) {
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(head...)
	row(strings.Split(strings.Repeat("---,", len(head)-1)+"---", ",")...)
	rows(row)
	b.WriteString("\n")
}

// folded writes a text that opens on demand. A pre element keeps its lines;
// what is in it holds no <, so that nothing in it can end it.
func folded(b *strings.Builder, title, text string) {
	fmt.Fprintf(b, "<details><summary>%s</summary>\n\n<pre>%s</pre>\n\n</details>\n\n",
		md(title, 80), html.EscapeString(strings.TrimSpace(visible(text))))
}

// md writes a text on one line so that Markdown takes all of it for text.
func md(s string, most int) string {
	var b strings.Builder
	for _, r := range plain(s, most) {
		switch {
		case r > 127, r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" -,/;%+()", r):
			b.WriteRune(r)
		case r == '.' && !strings.HasSuffix(strings.ToLower(b.String()), "www"):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}
