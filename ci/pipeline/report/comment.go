package report

import (
	"cmp"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
)

// mostComment is how many characters GitHub takes for a comment.
const mostComment = 65536

// CommentMarker is the hidden line by which a run finds the comment of the run before:
// one for each environment, and one for runs that work on none.
func CommentMarker(r record.Record) string {
	return "<!-- sensor-backend: " + cmp.Or(md(r.Target.Environment, 40), "none") + " -->\n"
}

// Comment is the record for a pull request, in GitHub's Markdown: how it ended, the
// plan by name, the difference in cost and what the gates found. Names from outside are
// text only, as in Markdown. What does not fit into a comment is cut between the parts,
// with a link to the run.
func Comment(r record.Record) string {
	var head strings.Builder
	head.WriteString(CommentMarker(r))
	fmt.Fprintf(&head, "### %s %s\n\n", sign(string(r.Outcome)), md(Headline(r), 200))
	parts := []string{failedStages(r), planPart(r), gatesPart(r)}
	for _, g := range r.Gates {
		if len(g.Findings) > 0 {
			var b strings.Builder
			folded(&b, g.Name+": findings", strings.Join(first(g.Findings, 50), "\n"))
			parts = append(parts, b.String())
		}
	}
	end := fmt.Sprintf("Commit %s. This comment is written over by the next run.", md(r.Commit, 64))
	cut := "**There is more than fits into a comment.** "
	if to := link(r.By.URL); to != "" {
		end += " <a href=\"" + html.EscapeString(to) + "\">The run</a>"
		cut += "<a href=\"" + html.EscapeString(to) + "\">The run's summary and report</a> have it.\n\n"
	} else {
		cut += "The run's report has it.\n\n"
	}
	end += "\n"
	left := mostComment - utf8.RuneCountInString(head.String()+cut+end)
	for _, part := range parts {
		n := utf8.RuneCountInString(part)
		if n > left {
			head.WriteString(cut)
			break
		}
		head.WriteString(part)
		left -= n
	}
	return head.String() + end
}

// failedStages says which stages failed, and why.
func failedStages(r record.Record) string {
	var b strings.Builder
	for _, s := range failures(r) {
		folded(&b, s.Name+" "+string(s.Outcome), s.Reason)
	}
	return b.String()
}

// planPart is the plan by name and the difference in cost, or why there is none.
func planPart(r record.Record) string {
	var b strings.Builder
	if r.Plan == nil {
		return "No plan: " + md(cmp.Or(r.Decision.Why, "the run did not come to it"), 200) + ".\n\n"
	}
	what := "The plan"
	if r.Event == trigger.PullRequest {
		what = "This changes in the configuration of prod, planned without AWS (a replacement counts as a change)"
	}
	fmt.Fprintf(&b, "**%s**: %d to add, %d to change, %d to destroy", what, r.Plan.Added, r.Plan.Changed, r.Plan.Destroyed)
	if r.Cost != nil {
		fmt.Fprintf(&b, "; about %.2f USD a month, **%+.2f** to before", r.Cost.Monthly, r.Cost.Difference)
	}
	b.WriteString(".\n\n")
	if lines := planLines(r, mostResources); len(lines) > 0 {
		folded(&b, "what changes, by name", strings.Join(lines, "\n"))
	}
	return b.String()
}

// gatesPart is the table of the gates.
func gatesPart(r record.Record) string {
	if len(r.Gates) == 0 {
		return ""
	}
	var b strings.Builder
	table(&b, []string{"Gate", "Verdict", "Remark"}, func(row func(cells ...string)) {
		for _, g := range r.Gates {
			row(md(g.Name, 40), verdict(g), md(remark(g), 200))
		}
	})
	return b.String()
}
