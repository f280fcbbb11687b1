package gates

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The part of SARIF 2.1.0 (OASIS, sarif-v2.1.0) that gates read and write. Runs
// are merged as they are, so that nothing a tool said is lost.

const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://json.schemastore.org/sarif-2.1.0.json"
)

type sarifLog struct {
	Schema  string            `json:"$schema"`
	Version string            `json:"version"`
	Runs    []json.RawMessage `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules,omitempty"`
}

type sarifRule struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level,omitempty"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
	// Suppressions are the reasons not to count the result.
	Suppressions []json.RawMessage `json:"suppressions,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
}

// ReadSARIF lists the findings of a SARIF log: the results of every run that
// are not suppressed and whose level is not none or note.
func ReadSARIF(text string) ([]Finding, error) {
	var log struct {
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		return nil, fmt.Errorf("the tool's SARIF log is not JSON: %w", err)
	}
	if log.Version != sarifVersion {
		return nil, fmt.Errorf("the tool's SARIF log has version %q, want %s", log.Version, sarifVersion)
	}
	var found []Finding
	for _, run := range log.Runs {
		for _, r := range run.Results {
			if len(r.Suppressions) > 0 || r.Level == "none" || r.Level == "note" {
				continue
			}
			f := Finding{Rule: r.RuleID, Message: r.Message.Text}
			if len(r.Locations) > 0 {
				at := r.Locations[0].Physical
				f.File, f.Line = path(at.Artifact.URI), max(at.Region.StartLine, 0)
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// path is a SARIF address as a path.
func path(uri string) string {
	if u, err := url.Parse(uri); err == nil && (u.Scheme == "" || u.Scheme == "file") {
		uri = u.Path
	}
	return strings.TrimPrefix(uri, "/src/")
}

// Log gathers what several tools said in one SARIF log. The zero value is an
// empty one.
type Log struct {
	runs []json.RawMessage
}

// Merge adds the runs of a tool's log.
func (l *Log) Merge(text string) error {
	var log sarifLog
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		return fmt.Errorf("the tool's SARIF log is not JSON: %w", err)
	}
	l.runs = append(l.runs, log.Runs...)
	return nil
}

// Add adds a run of our own.
func (l *Log) Add(gate string, findings []Finding) error {
	run := sarifRun{Tool: sarifTool{Driver: sarifDriver{Name: gate}}, Results: []sarifResult{}}
	seen := map[string]bool{}
	for _, f := range findings {
		if !seen[f.Rule] {
			seen[f.Rule] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: f.Rule})
		}
		r := sarifResult{RuleID: f.Rule, Level: "error", Message: sarifText{Text: f.Message}}
		if f.File != "" {
			var at sarifLocation
			at.Physical.Artifact.URI = (&url.URL{Path: f.File}).String()
			at.Physical.Region.StartLine = max(f.Line, 1)
			r.Locations = []sarifLocation{at}
		}
		run.Results = append(run.Results, r)
	}
	raw, err := json.Marshal(run)
	if err != nil {
		return err
	}
	l.runs = append(l.runs, raw)
	return nil
}

// JSON is the log's text.
func (l *Log) JSON() (string, error) {
	log := sarifLog{Schema: sarifSchema, Version: sarifVersion, Runs: l.runs}
	if log.Runs == nil {
		log.Runs = []json.RawMessage{}
	}
	raw, err := json.MarshalIndent(log, "", "  ")
	return string(raw), err
}
