package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/sensor-backend/internal/dagger"
)

// Lint runs golangci-lint on every Go module, actionlint on the workflows, and terraform fmt, validate, test and the policy on the infrastructure. Findings are an error that lists them.
func (m *SensorBackend) Lint(
	ctx context.Context,
	// The repository's Go modules, workflows and the linters' settings.
	// +defaultPath="/"
	// +ignore=["*", "!services", "!emulator", "!bootstrap", "!.github", "!.golangci.yml"]
	source *dagger.Directory,
) (string, error) {
	linted := golangciLinted(source.WithDirectory("ci", dag.CurrentModule().Source()))
	workflows := goToolchain().
		WithEnvVariable("GOBIN", "/usr/local/bin").
		WithExec([]string{"go", "install", actionlint}).
		WithDirectory("/src/.github", source.Directory(".github")).
		WithWorkdir("/src").
		// actionlint finds a project by its .git directory.
		WithExec([]string{"mkdir", ".git"}).
		WithExec([]string{"actionlint"}, anyExit)
	var report []string
	for _, module := range []string{"services", "emulator", "bootstrap", "ci", "ci/plancheck"} {
		if _, err := passed(ctx, linted(module), "golangci-lint in "+module); err != nil {
			return "", err
		}
		report = append(report, "golangci-lint "+module+": no findings")
	}
	if _, err := passed(ctx, workflows, "actionlint"); err != nil {
		return "", err
	}
	if _, err := m.ValidateInfra(ctx); err != nil {
		return "", err
	}
	policy, err := m.CheckPolicy(ctx)
	if err != nil {
		return "", err
	}
	report = append(report, "actionlint: no findings", "terraform fmt, validate, test: no findings", strings.TrimSpace(policy))
	return strings.Join(report, "\n"), nil
}

// golangciLinted returns a container that lints one module of source.
func golangciLinted(source *dagger.Directory) func(module string) *dagger.Container {
	base := goToolchain().
		WithEnvVariable("GOBIN", "/usr/local/bin").
		WithExec([]string{"go", "install", golangciLint}).
		WithMountedCache("/root/.cache/golangci-lint", dag.CacheVolume("golangci-lint")).
		WithDirectory("/src", source)
	return func(module string) *dagger.Container {
		return base.
			WithWorkdir(fmt.Sprintf("/src/%s", module)).
			WithExec([]string{"golangci-lint", "run", "--timeout=15m", "--build-tags=integration,e2e", "./..."}, anyExit)
	}
}
