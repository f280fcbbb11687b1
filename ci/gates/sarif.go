package gates

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// The part of SARIF 2.1.0 (OASIS, sarif-v2.1.0) that gates read. What a tool said
// besides is kept; see Log.

const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://json.schemastore.org/sarif-2.1.0.json"
)

type sarifRun struct {
	Results []sarifResult `json:"results"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
	// Suppressions are the reasons not to count the result.
	Suppressions []json.RawMessage `json:"suppressions"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI  string `json:"uri"`
			Base string `json:"uriBaseId"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
}

// ReadSARIF lists the findings of a SARIF log: the results of every run that
// are not suppressed and whose level is not none or note. Dir is the directory, from
// the repository's root, that the tool's relative paths start at; empty for the root.
func ReadSARIF(text, dir string) ([]Finding, error) {
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
				f.File, f.Line = fromRoot(at.Artifact.URI, at.Artifact.Base, dir), max(at.Region.StartLine, 0)
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// sourceDir is where the gates mount the repository, and sourceBase SARIF's usual
// name for it.
const (
	sourceDir  = "/src/"
	sourceBase = "%SRCROOT%"
)

// fromRoot is a SARIF address as a path from the repository's root. One that starts
// elsewhere, such as in Go's own library, stays as it is.
func fromRoot(uri, base, dir string) string {
	if base != "" && base != sourceBase {
		return uri
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "" && u.Scheme != "file" || uri == "" {
		return uri
	}
	if inside, ok := strings.CutPrefix(u.Path, sourceDir); ok {
		return path.Clean(inside)
	}
	if strings.HasPrefix(u.Path, "/") || u.Path == "" {
		return u.Path
	}
	return path.Join(dir, u.Path)
}
