package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/internal/dagger"
)

// Check runs every gate and ends with a table; fails if a gate that is on found something.
//
// The gates: golangci-lint with gosec, go vet, known vulnerabilities in called
// code, secrets, the packages in image and processor, their licences, the image
// itself, the workflows, Terraform and the policy.
//
// A gate whose database cannot be reached is not checked: neither a pass nor a
// failure, unless strict.
//
// +cache="never"
func (m *SensorBackend) Check(
	ctx context.Context,
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
	// Gates to run alone; by default all.
	// +optional
	only []string,
	// Gates to leave out: lint, vet, vulnerabilities, secrets, packages, licences, image, workflows, terraform, policy.
	// +optional
	off []string,
	// Gates whose findings are shown and stop nothing.
	// +optional
	advisory []string,
	// Take a gate that could not check for a failure.
	// +optional
	strict bool,
	// Go's vulnerability database, in the layout of vuln.go.dev; by default that one.
	// +optional
	goDatabase *dagger.Directory,
	// Grype's vulnerability database, unpacked; by default the newest, downloaded.
	// +optional
	packageDatabase *dagger.Directory,
) (shown string, err error) {
	defer redactResult(&shown, &err)
	names, err := gates.Choose("gate", "--only", gateNames(), only)
	if err != nil {
		return "", err
	}
	return m.judgeGates(ctx, names, checkOptions{
		in:  checkInput{source: source, goDatabase: goDatabase, packageDatabase: packageDatabase},
		off: off, advisory: advisory, strict: strict,
	})
}

// Findings runs every gate and returns what they found as one SARIF file.
//
// It is for code scanning and editors: findings are not an error here.
//
// +cache="session"
func (m *SensorBackend) Findings(
	ctx context.Context,
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
	// Gates to leave out; see check.
	// +optional
	off []string,
	// Go's vulnerability database; see check.
	// +optional
	goDatabase *dagger.Directory,
	// Grype's vulnerability database; see check.
	// +optional
	packageDatabase *dagger.Directory,
) (*dagger.File, error) {
	_, log, err := m.runGates(ctx, gateNames(), checkOptions{
		in:  checkInput{source: source, goDatabase: goDatabase, packageDatabase: packageDatabase},
		off: off,
	})
	if err != nil {
		return nil, err
	}
	text, err := sarif(log)
	if err != nil {
		return nil, err
	}
	return newFile("findings.sarif", []byte(text))
}

// sarif is what gates found as one file, without secrets.
func sarif(log *gates.Log) (string, error) {
	text, err := log.JSON()
	return secretsGiven.Text(text), err
}

// Lint runs the gates that need no database; findings are an error that lists them.
//
// They are golangci-lint and go vet on every Go module, actionlint on the
// workflows, terraform fmt, validate and test, and the policy.
//
// +cache="session"
func (m *SensorBackend) Lint(
	ctx context.Context,
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
) (shown string, err error) {
	defer redactResult(&shown, &err)
	names := []string{gateLint, gateVet, gateWorkflows, gateTerraform, gatePolicy}
	return m.judgeGates(ctx, names, checkOptions{in: checkInput{source: source}})
}

// judgeGates runs the named gates and returns the report, or an error that shows
// it if one stops the pipeline.
func (m *SensorBackend) judgeGates(ctx context.Context, names []string, options checkOptions) (string, error) {
	results, _, err := m.runGates(ctx, names, options)
	if err != nil {
		return "", err
	}
	report := gates.Report(results)
	if err := gates.Err(results, options.strict); err != nil {
		return "", fmt.Errorf("%w\n%s", err, report)
	}
	return report, nil
}

// checkInput is what gates check, and the databases they ask.
type checkInput struct {
	source                      *dagger.Directory
	goDatabase, packageDatabase *dagger.Directory
}

// checkOptions say how the gates run.
type checkOptions struct {
	in            checkInput
	off, advisory []string
	strict        bool
}

// gateResult is what a gate found.
type gateResult struct {
	findings []gates.Finding
	// logs are the SARIF logs of the tools; without one the findings are written
	// as one.
	logs []toolLog
	// note says in one line what was checked.
	note string
}

// toolLog is a SARIF log that a tool wrote.
type toolLog struct {
	from gates.Source
	text string
}

// notCheckedError is why a gate could not check.
type notCheckedError struct{ reason string }

func (e *notCheckedError) Error() string { return e.reason }

// runGates runs the named gates, as many side by side as there are processors.
// The error is for options that make no sense; what gates find is in the results.
func (m *SensorBackend) runGates(ctx context.Context, names []string, options checkOptions) ([]gates.Result, *gates.Log, error) {
	modes, err := gates.Plan(names, options.off, options.advisory)
	if err != nil {
		return nil, nil, err
	}
	// The pipeline's main package needs the code that the engine generates.
	options.in.source = options.in.source.WithDirectory("ci", dag.CurrentModule().Source())
	funcs := m.gateFuncs(options.in)
	var (
		all     sync.WaitGroup
		mutex   sync.Mutex
		results []gates.Result
		log     gates.Log
		failed  []error
		places  = make(chan struct{}, runtime.NumCPU())
	)
	for _, name := range names {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			result, found := runGate(ctx, name, modes[name], funcs[name])
			mutex.Lock()
			defer mutex.Unlock()
			results = append(results, result)
			failed = append(failed, addLogs(&log, result, found))
		})
	}
	all.Wait()
	gates.Sort(results, names)
	return results, &log, errors.Join(append(failed, context.Cause(ctx))...)
}

func runGate(ctx context.Context, name string, mode gates.Mode, gate func(context.Context) (gateResult, error)) (gates.Result, gateResult) {
	result := gates.Result{Gate: name, Mode: mode, Outcome: gates.Skipped}
	if mode == gates.Off {
		return result, gateResult{}
	}
	progress("%s: starting", name)
	start := time.Now()
	found, err := gate(ctx)
	result.Seconds = time.Since(start).Seconds()
	result.Findings, result.Note = found.findings, found.note
	var unchecked *notCheckedError
	switch {
	case errors.As(err, &unchecked):
		result.Outcome, result.Note = gates.NotChecked, unchecked.reason
	case err != nil:
		result.Outcome, result.Note = gates.Failed, err.Error()
	case len(found.findings) > 0:
		result.Outcome = gates.Failed
	default:
		result.Outcome = gates.Passed
	}
	progress("%s: %s", name, result.Outcome)
	return result, found
}

// addLogs adds what a gate found to the log of all. A gate that failed without saying
// where is a finding of its own.
func addLogs(log *gates.Log, result gates.Result, found gateResult) error {
	from := gateSource(result.Gate)
	from.Advisory = result.Mode == gates.Advisory
	for _, tool := range found.logs {
		tool.from.Place, tool.from.Elsewhere, tool.from.Advisory = from.Place, from.Elsewhere, from.Advisory
		if err := log.Merge(tool.from, tool.text); err != nil {
			return fmt.Errorf("%s: %w", result.Gate, err)
		}
	}
	switch {
	case result.Outcome == gates.Failed && len(result.Findings) == 0:
		log.Add(from, []gates.Finding{{Rule: result.Gate, Message: result.Note}})
	case len(found.logs) == 0 && result.Outcome != gates.Skipped && result.Outcome != gates.NotChecked:
		log.Add(from, found.findings)
	}
	return nil
}
