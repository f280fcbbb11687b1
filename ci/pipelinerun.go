package main

import (
	"encoding/json"
	"strconv"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/report"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// PipelineRun is a run that is over.
type PipelineRun struct {
	// Summary is what a terminal shows of the run.
	Summary string
	// ExitCode is 0 if every stage passed, and otherwise that of the first failure; see deploy.
	ExitCode int
	// Report holds record.json, summary.md, report.html and exit-code; and, if the stages that make them ran, before.json (what ran before the deploy), outputs.json, coverage.out and findings.sarif.
	Report *dagger.Directory
}

func newPipelineRun(f finished) (*PipelineRun, error) {
	page, err := report.HTML(f.record)
	if err != nil {
		return nil, err
	}
	kept, err := f.record.Encode()
	if err != nil {
		return nil, err
	}
	code := exitCode(f.cause)
	files := dag.Directory().
		WithNewFile("record.json", string(kept)).
		WithNewFile("summary.md", report.Markdown(f.record)).
		WithNewFile("report.html", string(page)).
		WithNewFile("exit-code", strconv.Itoa(code)+"\n")
	// What stages made is shown like what they say: without secrets.
	if f.run.before != nil {
		files = files.WithNewFile("before.json", secretsGiven.Text(string(f.run.before))+"\n")
	}
	if f.run.outputs != nil {
		secretsGiven.Value(&f.run.outputs)
		text, err := json.MarshalIndent(f.run.outputs, "", "  ")
		if err != nil {
			return nil, err
		}
		files = files.WithNewFile("outputs.json", string(text)+"\n")
	}
	if f.run.profile != nil {
		files = files.WithFile("coverage.out", f.run.profile)
	}
	if f.run.findings != nil {
		text, err := sarif(f.run.findings)
		if err != nil {
			return nil, err
		}
		files = files.WithNewFile("findings.sarif", text)
	}
	return &PipelineRun{Summary: f.report, ExitCode: code, Report: files}, nil
}

// Verdict returns the summary, or fails with it and with the run's exit code.
func (r *PipelineRun) Verdict() (string, error) {
	if r.ExitCode == 0 {
		return r.Summary, nil
	}
	return "", &gqlerror.Error{Message: r.Summary, Extensions: execError(r.ExitCode)}
}
