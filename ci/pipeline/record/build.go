package record

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/text"
)

// NewID names a run: its start in UTC, the commit's first 12 digits, and 8
// random hex digits, so that two runs of one commit, and a rerun of one that
// failed, have records of their own. Names sort by time and are fit for an
// object's key. Random is crypto/rand.Reader outside tests.
func NewID(started time.Time, commit string, random io.Reader) (string, error) {
	var nonce [4]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return "", fmt.Errorf("name the run: %w", err)
	}
	if !gitref.IsCommit(commit) {
		commit = strings.Repeat("0", 12)
	}
	return started.UTC().Format("20060102T150405Z") + "-" + commit[:12] + "-" + hex.EncodeToString(nonce[:]), nil
}

// Key is where the record lies in the artefact bucket:
// runs/ENVIRONMENT/ID.json, and runs/none/ID.json for a run that worked on no
// environment. Keys of one environment sort by time.
func (r Record) Key() string {
	environment := r.Target.Environment
	if environment == "" {
		environment = "none"
	}
	return "runs/" + environment + "/" + r.ID + ".json"
}

// SetStages takes over what became of the stages and the run's outcome. Started
// must be set before. A stage's whole error becomes its reason.
func (r *Record) SetStages(results []pipeline.Result) {
	r.Stages = make([]Stage, 0, len(results))
	for _, result := range results {
		s := Stage{
			Name: result.Stage, Outcome: result.Outcome, Seconds: seconds(result.Elapsed),
			Produced: clip(result.Produced),
		}
		if !result.Started.IsZero() {
			s.Offset = max(0, seconds(result.Started.Sub(r.Started)))
		}
		switch {
		case result.Because != "":
			s.Reason = result.Because + " did not pass"
		case result.Err != nil:
			s.Reason = clip(strings.TrimSpace(result.Err.Error()))
		}
		r.Stages = append(r.Stages, s)
	}
	r.Outcome = outcome(r.Stages)
}

// outcome is the run's: failed if a stage failed or was skipped by a failure,
// canceled if none failed and one was canceled.
func outcome(stages []Stage) pipeline.Outcome {
	found := pipeline.Passed
	for _, s := range stages {
		switch s.Outcome {
		case pipeline.Failed:
			return pipeline.Failed
		case pipeline.Canceled, pipeline.Skipped:
			found = pipeline.Canceled
		case pipeline.Passed:
		}
	}
	return found
}

// GateOf is a gate's result in the form of a record.
func GateOf(r gates.Result) Gate {
	kept := Gate{Name: r.Gate, Mode: r.Mode, Verdict: r.Outcome}
	switch r.Outcome {
	case gates.Skipped:
		kept.Verdict, kept.Reason = gates.NotChecked, "switched off"
	case gates.Failed, gates.NotChecked:
		kept.Reason = clip(r.Note)
	case gates.Passed:
	}
	for _, f := range r.Findings {
		kept.Findings = append(kept.Findings, f.String())
	}
	return kept
}

// HalfOf is the verdict on one half in the form of a record; nil if it was not
// deployed.
func HalfOf(s rollout.Summary) *Half {
	if s.Outcome == "" {
		return nil
	}
	return &Half{
		Outcome: string(s.Outcome), OK: s.Outcome.OK(), Version: s.Version, Previous: s.Previous,
		Seconds: seconds(s.Elapsed), Reason: clip(s.Reason), Open: s.Open, Changed: clip(s.Changed), Runs: runs(s),
	}
}

// runs is the version that runs after a deploy that ended so; empty where the outcome
// does not tell.
func runs(s rollout.Summary) string {
	switch {
	case s.Open:
		return ""
	case s.Outcome.OK():
		return s.Version
	case s.Outcome == rollout.RolledBack, s.Outcome == rollout.VerificationFailed, s.Outcome == rollout.NotStarted:
		return s.Previous
	}
	return ""
}

// PlanOf is what Terraform did in the form of a record; nil if it got to no summary.
func PlanOf(s terraform.Summary) *Plan {
	if !s.Seen {
		return nil
	}
	p := &Plan{Added: s.Add, Changed: s.Change, Destroyed: s.Remove}
	seen := map[string]bool{}
	for _, line := range s.Changes {
		action, address, _ := strings.Cut(line, " ")
		// A resource that stays, and data that is read, is no change. An apply tells again
		// what its plan told.
		if action != "noop" && action != "read" && !seen[line] {
			seen[line] = true
			p.Resources = append(p.Resources, Resource{Action: action, Address: clip(address)})
		}
	}
	return p
}

// AddLog notes what each stage said.
func (r *Record) AddLog(said func(stage string) []string) {
	for i := range r.Stages {
		for _, line := range said(r.Stages[i].Name) {
			r.Stages[i].Log = append(r.Stages[i].Log, clip(line))
		}
	}
}

// seconds are rounded to milliseconds, which is more than anyone reads.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// mostText is how many characters of a text are saved: a screen of an error.
const mostText = 4000

func clip(s string) string { return text.Clip(strings.ToValidUTF8(s, "\uFFFD"), mostText) }
