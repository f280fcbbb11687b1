package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/internal/dagger"
)

// The gates' names, as reports and arguments use them.
const (
	gateLint            = "lint"
	gateVet             = "vet"
	gateVulnerabilities = "vulnerabilities"
	gateSecrets         = "secrets"
	gatePackages        = "packages"
	gateLicences        = "licences"
	gateImage           = "image"
	gateWorkflows       = "workflows"
	gateTerraform       = "terraform"
	gatePolicy          = "policy"
)

func gateNames() []string {
	return []string{
		gateLint, gateVet, gateVulnerabilities, gateSecrets, gatePackages, gateLicences, gateImage, gateWorkflows,
		gateTerraform, gatePolicy,
	}
}

// goModules are the directories of the repository's Go modules.
func goModules() []string {
	return []string{"services", "emulator", "bootstrap", "ci", "ci/plancheck", "ci/e2e"}
}

// looks is what each gate does.
func (m *SensorBackend) looks(in checkInput) map[string]func(context.Context) (seen, error) {
	return map[string]func(context.Context) (seen, error){
		gateLint:            func(ctx context.Context) (seen, error) { return golangciLinted(ctx, in.source) },
		gateVet:             func(ctx context.Context) (seen, error) { return vetted(ctx, in.source) },
		gateVulnerabilities: func(ctx context.Context) (seen, error) { return m.vulnerabilities(ctx, in.goDatabase) },
		gateSecrets:         func(ctx context.Context) (seen, error) { return secrets(ctx, in.source) },
		gatePackages:        func(ctx context.Context) (seen, error) { return m.packages(ctx, in.packageDatabase) },
		gateLicences:        m.licences,
		gateImage:           m.imageChecked,
		gateWorkflows:       func(ctx context.Context) (seen, error) { return workflows(ctx, in.source) },
		gateTerraform: func(ctx context.Context) (seen, error) {
			_, err := m.ValidateInfra(ctx)
			return seen{note: "terraform fmt, validate, test"}, err
		},
		gatePolicy: func(ctx context.Context) (seen, error) {
			report, err := m.CheckPolicy(ctx)
			return seen{note: strings.ReplaceAll(strings.TrimSpace(report), "\n", "; ")}, err
		},
	}
}

// golangciLinted lints every module of source.
func golangciLinted(ctx context.Context, source *dagger.Directory) (seen, error) {
	base := goTool(golangciLint).
		WithMountedCache("/root/.cache/golangci-lint", dag.CacheVolume("golangci-lint")).
		WithDirectory("/src", source)
	saw := seen{note: strings.Join(goModules(), ", ")}
	for _, module := range goModules() {
		run := reporting(base).
			WithWorkdir("/src/"+module).
			WithExec([]string{
				"golangci-lint", "run", "--timeout=15m", "--build-tags=integration,e2e", "--issues-exit-code=0",
				"--output.sarif.path=" + outFile("lint.sarif"), "./...",
			}, anyExit)
		if err := saw.read(ctx, run, "golangci-lint in "+module, "lint.sarif"); err != nil {
			return saw, err
		}
	}
	return saw, nil
}

// vetted runs go vet on every module of source.
func vetted(ctx context.Context, source *dagger.Directory) (seen, error) {
	for _, module := range goModules() {
		run := golang(source).
			WithWorkdir("/src/"+module).
			WithExec([]string{"go", "vet", "-tags=integration,e2e", "./..."}, anyExit)
		if _, err := passed(ctx, run, "go vet of "+module); err != nil {
			return seen{}, err
		}
	}
	return seen{note: strings.Join(goModules(), ", ")}, nil
}

// vulnerabilities asks Go's vulnerability database about the functions that the
// services call.
func (m *SensorBackend) vulnerabilities(ctx context.Context, database *dagger.Directory) (seen, error) {
	command := []string{"govulncheck", "-format=sarif"}
	ctr := goTool(govulncheck).WithDirectory("/src", m.Services).WithWorkdir("/src")
	if database != nil {
		// In a directory without an index govulncheck finds nothing, and says so
		// as if it had looked.
		index, err := database.Glob(ctx, "index/modules.json*")
		if err != nil {
			return seen{}, fmt.Errorf("look into the database: %w", err)
		}
		if len(index) == 0 {
			return seen{}, &notCheckedError{reason: "the database has no index/modules.json"}
		}
		ctr = ctr.WithDirectory("/database", database)
		command = append(command, "-db=file:///database")
	} else {
		ctr = fresh(ctr) // the database is another one tomorrow
	}
	run := reporting(ctr).WithExec(append(command, "./..."), dagger.ContainerWithExecOpts{
		Expect: dagger.ReturnTypeAny, RedirectStdout: outFile("vulnerabilities.sarif"),
	})
	saw := seen{note: "govulncheck of what the services call"}
	return saw, saw.read(ctx, run, "govulncheck", "vulnerabilities.sarif")
}

// secrets looks for credentials in the files of source.
func secrets(ctx context.Context, source *dagger.Directory) (seen, error) {
	run := reporting(goTool(gitleaks)).
		WithDirectory("/src", source).
		WithWorkdir("/src").
		WithExec([]string{
			"gitleaks", "dir", ".", "--no-banner", "--redact", "--exit-code=0",
			"--report-format=sarif", "--report-path=" + outFile("secrets.sarif"),
		}, anyExit)
	saw := seen{note: "gitleaks of every file"}
	return saw, saw.read(ctx, run, "gitleaks", "secrets.sarif")
}

// workflows lints the GitHub workflows.
func workflows(ctx context.Context, source *dagger.Directory) (seen, error) {
	run := goTool(actionlint).
		WithDirectory("/src/.github", source.Directory(".github")).
		WithWorkdir("/src").
		// actionlint finds a project by its .git directory.
		WithExec([]string{"mkdir", ".git"}).
		WithExec([]string{"actionlint", "-no-color", "-format", "{{range $}}{{.Filepath}}\t{{.Line}}\t{{.Kind}}\t{{.Message}}\n{{end}}"}, anyExit)
	stdout, err := run.Stdout(ctx)
	if err != nil {
		return seen{}, fmt.Errorf("run actionlint: %w", err)
	}
	saw := seen{note: "actionlint"}
	if saw.findings, err = gates.ReadColumns(stdout); err != nil {
		return saw, err
	}
	if len(saw.findings) > 0 {
		return saw, nil
	}
	_, err = passed(ctx, run, "actionlint")
	return saw, err
}

// read takes the SARIF log that a tool left. A tool that ended in another way
// than with its work done is an error; one that could not reach its database has
// not checked.
func (s *seen) read(ctx context.Context, run *dagger.Container, what, file string) error {
	code, err := run.ExitCode(ctx)
	if err != nil {
		return fmt.Errorf("run %s: %w", what, err)
	}
	if code != 0 {
		stderr, err := run.Stderr(ctx)
		if err != nil {
			return fmt.Errorf("run %s: %w", what, err)
		}
		if line, yes := gates.Unreachable(stderr); yes {
			return &notCheckedError{reason: line}
		}
		_, err = passed(ctx, run, what)
		return err
	}
	log, err := run.File(outFile(file)).Contents(ctx)
	if err != nil {
		return fmt.Errorf("read what %s found: %w", what, err)
	}
	found, err := gates.ReadSARIF(log)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.findings, s.logs = append(s.findings, found...), append(s.logs, log)
	return nil
}
