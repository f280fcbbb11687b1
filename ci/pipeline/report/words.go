// Package report turns a run record into what people read: a table for the
// terminal, Markdown for a CI's step summary, a page with a picture of the
// stages, messages for Slack and SNS, and a deployment's status for GitHub. It
// is pure; package notify sends. Names from outside, such as a branch's, are
// escaped for each form.
package report

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/text"
)

// Headline says in one line what ran and how it ended.
func Headline(r record.Record) string {
	return plain(subject(r), 120) + " " + ended(r)
}

func subject(r record.Record) string {
	switch {
	case r.Kind == record.Rollback:
		return "Rollback of " + cmp.Or(r.Target.Environment, "no environment")
	case r.Decision.Deploys:
		return "Deploy of " + name(r) + " to " + r.Target.Environment
	default:
		return "Run of " + name(r)
	}
}

// name is the branch, and the commit's first digits.
func name(r record.Record) string {
	commit := r.Commit[:min(len(r.Commit), 12)]
	if r.Branch == "" {
		return cmp.Or(commit, "an unknown commit")
	}
	return strings.TrimSpace(plain(r.Branch, 60) + " " + commit)
}

func ended(r record.Record) string {
	switch {
	case open(r):
		return string(r.Outcome) + ", and a deployment is open"
	case r.Outcome == pipeline.Canceled:
		return "was canceled"
	}
	return string(r.Outcome)
}

// open reports whether a half of the run may still complete.
func open(r record.Record) bool {
	return r.Service != nil && r.Service.Open || r.Function != nil && r.Function.Open
}

// sign is a character for an outcome or a verdict, so that no reader depends on
// colour.
func sign(outcome string) string {
	switch outcome {
	case string(pipeline.Passed):
		return "✓"
	case string(pipeline.Failed):
		return "✗"
	case string(pipeline.Skipped):
		return "–"
	default:
		return "○"
	}
}

// fact is a line of what is known about the run.
type fact struct{ Name, Value, Link string }

func facts(r record.Record) []fact {
	started := "by " + cmp.Or(plain(r.By.Actor, 80), "someone")
	all := []fact{
		{Name: "Commit", Value: cmp.Or(r.Commit, "not known")},
		{Name: "Branch", Value: cmp.Or(plain(r.Branch, 300), "none")},
		{Name: "Event", Value: plain(r.Event, 60) + ", " + started, Link: link(r.By.URL)},
		{Name: "Rule", Value: cmp.Or(plain(r.Decision.Why, 200), "none")},
		{Name: "Target", Value: targetLine(r.Target)},
		{Name: "Started", Value: r.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
		{Name: "Took", Value: length(r.Ended.Sub(r.Started).Seconds())},
	}
	if r.Left != "" {
		all = append(all, fact{Name: "Left", Value: r.Left})
	}
	if !r.Committed.IsZero() && deployed(r) {
		all = append(all, fact{Name: "Lead time", Value: length(r.Ended.Sub(r.Committed).Seconds()) + " from commit to deployed"})
	}
	if r.Plan != nil {
		all = append(all, fact{Name: "Plan", Value: fmt.Sprintf("%d added, %d changed, %d destroyed", r.Plan.Added, r.Plan.Changed, r.Plan.Destroyed)})
	}
	if r.Cost != nil {
		all = append(all, fact{Name: "Cost", Value: fmt.Sprintf("about %.2f USD a month, %+.2f to before", r.Cost.Monthly, r.Cost.Difference)})
	}
	return append(all, halves(r)...)
}

// deployed reports whether a half was deployed and every one that was is fine.
func deployed(r record.Record) bool {
	return r.Outcome == pipeline.Passed && (r.Service != nil || r.Function != nil) &&
		(r.Service == nil || r.Service.OK) && (r.Function == nil || r.Function.OK)
}

func halves(r record.Record) []fact {
	var all []fact
	for _, half := range []struct {
		name    string
		verdict *record.Half
	}{{"ECS", r.Service}, {"Lambda", r.Function}} {
		v := half.verdict
		if v == nil {
			continue
		}
		text := v.Outcome
		if v.Version != "" {
			text += ": " + v.Version
		}
		if v.Previous != "" && v.Previous != v.Version {
			text += ", before " + v.Previous
		}
		if v.Seconds > 0 {
			text += ", " + length(v.Seconds)
		}
		if v.Open {
			text += ", open: it may still complete"
		}
		if v.Reason != "" {
			text += ": " + v.Reason
		}
		if v.Runs != "" && v.Runs != v.Version && !v.Open {
			text += "; " + v.Runs + " runs now"
		}
		if !v.OK && v.Changed != "" {
			text += "; changed: " + v.Changed
		}
		all = append(all, fact{Name: half.name, Value: plain(text, 300)})
	}
	return all
}

// version is what became of one half, for a table.
type version struct{ Half, Before, Deployed, Verdict, Runs string }

// versions are the two halves' versions before and after the run.
func versions(r record.Record) []version {
	var all []version
	for _, half := range []struct {
		name    string
		verdict *record.Half
	}{{"ECS service", r.Service}, {"Lambda function", r.Function}} {
		if v := half.verdict; v != nil {
			all = append(all, version{
				Half: half.name, Before: cmp.Or(plain(v.Previous, 80), "none"), Deployed: cmp.Or(plain(v.Version, 80), "none"),
				Verdict: plain(v.Outcome, 80) + also(v.Open, ", open"), Runs: cmp.Or(plain(v.Runs, 80), "not known: ask status"),
			})
		}
	}
	return all
}

// mostResources is how many resources of a plan a page lists.
const mostResources = 200

// planned are the resources that the plan changed, and how many more there are.
func planned(r record.Record) (listed []record.Resource, more int) {
	if r.Plan == nil {
		return nil, 0
	}
	n := min(len(r.Plan.Resources), mostResources)
	return r.Plan.Resources[:n], len(r.Plan.Resources) - n
}

// planLines are the resources that the plan changed, one a line; the last of at most
// n lines says how many more there are.
func planLines(r record.Record, n int) []string {
	if r.Plan == nil {
		return nil
	}
	var lines []string
	for _, one := range r.Plan.Resources {
		lines = append(lines, changed(one.Action)+" "+plain(one.Address, 200))
	}
	return first(lines, n)
}

// changed is Terraform's word for a change as people say it.
func changed(action string) string {
	switch action {
	case "create":
		return "added"
	case "update":
		return "changed"
	case "delete":
		return "destroyed"
	case "replace":
		return "replaced"
	}
	return plain(action, 20)
}

func targetLine(t record.Target) string {
	switch {
	case t.Environment == "":
		return "none: no environment was worked on"
	case t.Emulated:
		return fmt.Sprintf("the emulated AWS, region %s, environment %s; no account is touched", t.Region, t.Environment)
	default:
		return fmt.Sprintf("AWS account %s, region %s, environment %s", t.Account, t.Region, t.Environment)
	}
}

// address is an https address without user and without characters that RFC
// 3986 does not have, so that none ends an attribute or a table's cell.
var address = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?$`)

// link is an address that a reader may be led to, or nothing.
func link(to string) string {
	if len(to) > 500 || !address.MatchString(to) {
		return ""
	}
	return to
}

// result is one line about a stage: what it made or why it did not.
func result(s record.Stage) string {
	return plain(text.FirstLine(cmp.Or(s.Reason, s.Produced)), 160)
}

// notRun names the stages that the decision left out.
func notRun(r record.Record) string {
	var names []string
	for _, s := range r.Decision.Stages {
		if !s.Runs {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// failures are the stages with something more to say than fits a table.
func failures(r record.Record) []record.Stage {
	var all []record.Stage
	for _, s := range r.Stages {
		if s.Outcome == pipeline.Failed || s.Outcome == pipeline.Canceled && s.Reason != "" {
			all = append(all, s)
		}
	}
	return all
}

// verdict is what a gate found, in a word or two.
func verdict(g record.Gate) string {
	switch {
	case g.Mode == gates.Off:
		return "off"
	case g.Mode == gates.Advisory && g.Verdict == gates.Failed:
		return "failed, advisory"
	default:
		return string(g.Verdict)
	}
}

// remark sums up a gate in one line.
func remark(g record.Gate) string {
	text := plain(g.Reason, 160)
	if n := len(g.Findings); n > 0 {
		text = strings.TrimPrefix(text+fmt.Sprintf("; findings: %d", n), "; ")
	}
	return text
}

// begins is the stage's start after the run's, for a table.
func begins(s record.Stage) string {
	if s.Seconds == 0 && s.Offset == 0 {
		return "-"
	}
	return fmt.Sprintf("+%.1f", s.Offset)
}

func took(s record.Stage) string {
	if s.Seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", s.Seconds)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
