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

// gateSource is how a gate's findings stand in the log of all: what has no place in
// the repository is shown where it is made or required.
func gateSource(name string) gates.Source {
	from := gates.Source{Name: name}
	switch name {
	case gateImage:
		from.Place, from.Elsewhere = "ci/build.go", true
	case gatePackages, gateLicences:
		from.Place, from.Elsewhere = "services/go.mod", true
	case gateTerraform, gatePolicy:
		from.Place = "infra/main.tf"
	case gateWorkflows:
		from.Place = ".github/workflows/deploy.yml"
	default:
		from.Place = "go.work"
	}
	return from
}

// goModules are the directories of the repository's Go modules.
func goModules() []string {
	return []string{"services", "emulator", "bootstrap", "ci", "ci/plancheck", "ci/e2e", "bench"}
}

// gateFuncs is what each gate does.
func (m *SensorBackend) gateFuncs(in checkInput) map[string]func(context.Context) (gateResult, error) {
	return map[string]func(context.Context) (gateResult, error){
		gateLint:            func(ctx context.Context) (gateResult, error) { return lintGo(ctx, in.source) },
		gateVet:             func(ctx context.Context) (gateResult, error) { return vetGo(ctx, in.source) },
		gateVulnerabilities: func(ctx context.Context) (gateResult, error) { return m.vulnerabilities(ctx, in.goDatabase) },
		gateSecrets:         func(ctx context.Context) (gateResult, error) { return scanSecrets(ctx, in.source) },
		gatePackages:        func(ctx context.Context) (gateResult, error) { return m.packages(ctx, in.packageDatabase) },
		gateLicences:        m.licences,
		gateImage:           m.checkImage,
		gateWorkflows:       func(ctx context.Context) (gateResult, error) { return lintWorkflows(ctx, in.source) },
		gateTerraform: func(ctx context.Context) (gateResult, error) {
			_, err := m.ValidateInfra(ctx)
			return gateResult{note: "terraform fmt, validate, test"}, err
		},
		gatePolicy: func(ctx context.Context) (gateResult, error) {
			report, err := m.CheckPolicy(ctx)
			return gateResult{note: strings.ReplaceAll(strings.TrimSpace(report), "\n", "; ")}, err
		},
	}
}

// lintGo lints every module of source.
func lintGo(ctx context.Context, source *dagger.Directory) (gateResult, error) {
	base := goTool(golangciLint).
		WithMountedCache("/root/.cache/golangci-lint", dag.CacheVolume("golangci-lint")).
		WithDirectory("/src", source)
	result := gateResult{note: strings.Join(goModules(), ", ")}
	for _, module := range goModules() {
		run := withReportDir(base).
			WithWorkdir("/src/"+module).
			WithExec([]string{
				"golangci-lint", "run", "--timeout=15m", "--build-tags=integration,e2e", "--issues-exit-code=0",
				"--output.sarif.path=" + reportFile("lint.sarif"), "./...",
			}, anyExit)
		// Its paths start where its configuration lies: at the root.
		from := gates.Source{Name: gateLint + "/" + module}
		if err := result.read(ctx, run, from, "golangci-lint in "+module, "lint.sarif"); err != nil {
			return result, err
		}
	}
	return result, nil
}

// vetGo runs go vet on every module of source.
func vetGo(ctx context.Context, source *dagger.Directory) (gateResult, error) {
	result := gateResult{note: strings.Join(goModules(), ", ")}
	for _, module := range goModules() {
		run := golang(source).
			WithWorkdir("/src/"+module).
			WithExec([]string{"go", "vet", "-tags=integration,e2e", "./..."}, anyExit)
		printed, err := run.Stderr(ctx)
		if err != nil {
			return gateResult{}, fmt.Errorf("run go vet of %s: %w", module, err)
		}
		found := gates.ReadVet(printed, module)
		if _, err := passed(ctx, run, "go vet of "+module); err != nil && len(found) == 0 {
			return gateResult{}, err
		}
		result.findings = append(result.findings, found...)
	}
	return result, nil
}

// vulnerabilities asks Go's vulnerability database about the functions that the
// services call.
func (m *SensorBackend) vulnerabilities(ctx context.Context, database *dagger.Directory) (gateResult, error) {
	command := []string{"govulncheck", "-format=sarif"}
	ctr := goTool(govulncheck).WithDirectory("/src", m.Services).WithWorkdir("/src")
	if database != nil {
		// In a directory without an index govulncheck finds nothing, and says so
		// as if it had searched.
		index, err := database.Glob(ctx, "index/modules.json*")
		if err != nil {
			return gateResult{}, fmt.Errorf("read the database: %w", err)
		}
		if len(index) == 0 {
			return gateResult{}, &notCheckedError{reason: "the database has no index/modules.json"}
		}
		ctr = ctr.WithDirectory("/database", database)
		command = append(command, "-db=file:///database")
	} else {
		ctr = fresh(ctr) // the database is another one tomorrow
	}
	run := withReportDir(ctr).WithExec(append(command, "./..."), dagger.ContainerWithExecOpts{
		Expect: dagger.ReturnTypeAny, RedirectStdout: reportFile("vulnerabilities.sarif"),
	})
	result := gateResult{note: "govulncheck of what the services call"}
	return result, result.read(ctx, run, gates.Source{Name: gateVulnerabilities, Dir: "services"}, "govulncheck", "vulnerabilities.sarif")
}

// scanSecrets searches for credentials in the files of source.
func scanSecrets(ctx context.Context, source *dagger.Directory) (gateResult, error) {
	run := withReportDir(goTool(gitleaks)).
		WithDirectory("/src", source).
		WithWorkdir("/src").
		WithExec([]string{
			"gitleaks", "dir", ".", "--no-banner", "--redact", "--exit-code=0",
			"--report-format=sarif", "--report-path=" + reportFile("secrets.sarif"),
		}, anyExit)
	result := gateResult{note: "gitleaks of every file"}
	return result, result.read(ctx, run, gates.Source{Name: gateSecrets}, "gitleaks", "secrets.sarif")
}

// lintWorkflows lints the GitHub workflows.
func lintWorkflows(ctx context.Context, source *dagger.Directory) (gateResult, error) {
	run := goTool(actionlint).
		WithDirectory("/src/.github", source.Directory(".github")).
		WithWorkdir("/src").
		// actionlint finds a project by its .git directory.
		WithExec([]string{"mkdir", ".git"}).
		WithExec([]string{"actionlint", "-no-color", "-format", "{{range $}}{{.Filepath}}\t{{.Line}}\t{{.Kind}}\t{{.Message}}\n{{end}}"}, anyExit)
	stdout, err := run.Stdout(ctx)
	if err != nil {
		return gateResult{}, fmt.Errorf("run actionlint: %w", err)
	}
	result := gateResult{note: "actionlint"}
	if result.findings, err = gates.ReadColumns(stdout); err != nil {
		return result, err
	}
	if len(result.findings) > 0 {
		return result, nil
	}
	_, err = passed(ctx, run, "actionlint")
	return result, err
}

// read takes the SARIF log that a tool left. A tool that ended in another way
// than with its work done is an error; one that could not reach its database has
// not checked.
func (r *gateResult) read(ctx context.Context, run *dagger.Container, from gates.Source, what, file string) error {
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
	log, err := run.File(reportFile(file)).Contents(ctx)
	if err != nil {
		return fmt.Errorf("read what %s found: %w", what, err)
	}
	found, err := gates.ReadSARIF(log, from.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.findings, r.logs = append(r.findings, found...), append(r.logs, toolLog{from, log})
	return nil
}

// Gates are the gates one by one, each a check of its own.
type Gates struct {
	// +private
	Pipeline *SensorBackend
	// +private
	Source *dagger.Directory
}

// Gates gives the gates one by one; dagger check runs them side by side.
//
// A gate whose database cannot be reached has not checked, and passes; check --strict
// fails.
func (m *SensorBackend) Gates(
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
) *Gates {
	return &Gates{Pipeline: m, Source: source}
}

// only runs one gate.
func (g *Gates) only(ctx context.Context, name string) (shown string, err error) {
	defer redactResult(&shown, &err)
	return g.Pipeline.judgeGates(ctx, []string{name}, checkOptions{in: checkInput{source: g.Source}})
}

// Lint runs golangci-lint with gosec on every Go module.
//
// +check
// +cache="session"
func (g *Gates) Lint(ctx context.Context) (string, error) { return g.only(ctx, gateLint) }

// Vet runs go vet on every Go module.
//
// +check
// +cache="session"
func (g *Gates) Vet(ctx context.Context) (string, error) { return g.only(ctx, gateVet) }

// Vulnerabilities searches for known vulnerabilities in what the services call: govulncheck.
//
// +check
// +cache="session"
func (g *Gates) Vulnerabilities(ctx context.Context) (string, error) {
	return g.only(ctx, gateVulnerabilities)
}

// Secrets searches for credentials in every file: gitleaks.
//
// +check
// +cache="session"
func (g *Gates) Secrets(ctx context.Context) (string, error) { return g.only(ctx, gateSecrets) }

// Packages searches for known vulnerabilities in what image and processor are made of: grype.
//
// +check
// +cache="session"
func (g *Gates) Packages(ctx context.Context) (string, error) { return g.only(ctx, gatePackages) }

// Licences holds the licences of what image and processor are made of against a list.
//
// +check
// +cache="session"
func (g *Gates) Licences(ctx context.Context) (string, error) { return g.only(ctx, gateLicences) }

// Image judges the API's image: its user, shells, setuid files, size, secrets in its environment.
//
// +check
// +cache="session"
func (g *Gates) Image(ctx context.Context) (string, error) { return g.only(ctx, gateImage) }

// Workflows lints the GitHub workflows: actionlint.
//
// +check
// +cache="session"
func (g *Gates) Workflows(ctx context.Context) (string, error) { return g.only(ctx, gateWorkflows) }

// Terraform checks the infrastructure's format and validity and runs its tests.
//
// +check
// +cache="session"
func (g *Gates) Terraform(ctx context.Context) (string, error) { return g.only(ctx, gateTerraform) }

// Policy judges the plans of all environments by the rules in ci/plancheck/policy.
//
// +check
// +cache="session"
func (g *Gates) Policy(ctx context.Context) (string, error) { return g.only(ctx, gatePolicy) }
