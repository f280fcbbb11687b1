// Package terraform reads what a Terraform run prints: its log, by ParseLog, and
// its outputs, by ParseOutputs.
package terraform

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Summary is what a plan or an apply did or would do.
type Summary struct {
	// Add, Change and Remove count resources. A replaced one counts in both
	// Add and Remove, as Terraform counts it.
	Add, Change, Remove int
	// Seen tells that the run got as far as a summary.
	Seen bool
	// Changes lists the planned changes, such as "create aws_sns_topic.alerts".
	Changes []string
	// Errors holds the error diagnostics, each with its place in the source.
	Errors []string
	// Warnings holds the warnings' one-line summaries.
	Warnings []string
	// Report holds what plancheck said about the plan, line by line.
	Report []string
	// Cost is what plancheck says the plan costs; nil if it was not asked.
	Cost *Cost
}

// Cost is in US dollars a month.
type Cost struct {
	// Monthly is what there will be, Difference that against what is deployed.
	Monthly, Difference float64
}

// String gives the counts in one line.
func (s Summary) String() string {
	return fmt.Sprintf("%d added, %d changed, %d destroyed", s.Add, s.Change, s.Remove)
}

// Clean tells that the run ended and nothing differs from the configuration.
func (s Summary) Clean() bool {
	return s.Seen && s.Add+s.Change+s.Remove == 0
}

type message struct {
	Type    string `json:"type"`
	Changes *struct {
		Add    int `json:"add"`
		Change int `json:"change"`
		Remove int `json:"remove"`
	} `json:"changes"`
	Change *struct {
		Action   string `json:"action"`
		Resource struct {
			Addr string `json:"addr"`
		} `json:"resource"`
	} `json:"change"`
	Diagnostic *diagnostic `json:"diagnostic"`
	// Lines are of plan_report, the message that plancheck adds.
	Lines []string `json:"lines"`
	// Monthly and Difference are of plan_cost, which plancheck adds as well.
	Monthly    float64 `json:"monthly"`
	Difference float64 `json:"difference"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
	Range    *struct {
		Filename string `json:"filename"`
		Start    struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"range"`
}

// maxLine bounds one message; the longest that Terraform writes carry a
// source snippet and stay far below.
const maxLine = 4 << 20

// ParseLog reads the output of Terraform's -json mode: one JSON message a line
// (Terraform documentation, "Machine-Readable UI", format version 1.2). When several summaries follow each other, as
// a plan's and then its apply's, the last one counts. Lines that are not JSON
// message, such as a shell's, are passed over; a line over 4 MiB or a failing
// reader is an error, with what was read so far returned beside it.
func ParseLog(r io.Reader) (Summary, error) {
	var s Summary
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch {
		case m.Type == "change_summary" && m.Changes != nil:
			s.Add, s.Change, s.Remove, s.Seen = m.Changes.Add, m.Changes.Change, m.Changes.Remove, true
		case m.Type == "planned_change" && m.Change != nil:
			s.Changes = append(s.Changes, m.Change.Action+" "+m.Change.Resource.Addr)
		case m.Type == "plan_report":
			s.Report = append(s.Report, m.Lines...)
		case m.Type == "plan_cost":
			s.Cost = &Cost{Monthly: m.Monthly, Difference: m.Difference}
		case m.Type == "diagnostic" && m.Diagnostic != nil && m.Diagnostic.Severity == "error":
			s.Errors = append(s.Errors, explain(*m.Diagnostic))
		case m.Type == "diagnostic" && m.Diagnostic != nil:
			s.Warnings = append(s.Warnings, m.Diagnostic.Summary)
		}
	}
	if err := lines.Err(); err != nil {
		return s, fmt.Errorf("read terraform's output: %w", err)
	}
	return s, nil
}

// String gives a diagnostic as "file:line: address: summary: detail".
func (d diagnostic) String() string {
	var parts []string
	if d.Range != nil {
		parts = append(parts, fmt.Sprintf("%s:%d", d.Range.Filename, d.Range.Start.Line))
	}
	for _, part := range []string{d.Address, d.Summary, d.Detail} {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}
