package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/sensor-backend/coverage"
	"dagger/sensor-backend/internal/dagger"
)

// Test runs the services' tests against a real PostgreSQL and returns each package's coverage.
//
// The race detector is on. A failing test is an error that carries the failing
// packages' output.
//
// +check
func (m *SensorBackend) Test(ctx context.Context) (shown string, err error) {
	defer redactResult(&shown, &err)
	profile, err := m.Coverage(ctx)
	if err != nil {
		return "", err
	}
	report, err := readCoverage(ctx, profile)
	if err != nil {
		return "", err
	}
	return report.Table(), nil
}

// Coverage runs the tests and returns their profile, for Codecov and go tool cover.
//
// The format is that of go test -coverprofile.
func (m *SensorBackend) Coverage(ctx context.Context) (*dagger.File, error) {
	run, err := m.tested(ctx)
	if err != nil {
		return nil, err
	}
	return run.File(coverageProfile), nil
}

const coverageProfile = "/out/coverage.out"

func readCoverage(ctx context.Context, profile *dagger.File) (coverage.Report, error) {
	raw, err := profile.Contents(ctx)
	if err != nil {
		return coverage.Report{}, fmt.Errorf("read the coverage profile: %w", err)
	}
	return coverage.Parse(strings.NewReader(raw))
}

// tested is the container in which all tests of the services have passed.
func (m *SensorBackend) tested(ctx context.Context) (*dagger.Container, error) {
	run := withPackage(goToolchain(), "pgbouncer").
		WithDirectory("/src", m.Services).
		WithWorkdir("/src").
		WithServiceBinding("postgres", postgres("test")).
		WithEnvVariable("DATABASE_URL", databaseURL("postgres")).
		WithEnvVariable("PGBOUNCER", "/usr/sbin/pgbouncer").
		WithEnvVariable("CGO_ENABLED", "1").
		WithExec([]string{"mkdir", "-p", "/out"}).
		WithExec([]string{"go", "test", "-race", "-covermode=atomic", "-coverprofile=" + coverageProfile, "./..."}, anyExit)
	return passed(ctx, run, "the services' tests")
}

// TestModules vets and tests, with the race detector, what delivers the services.
//
// That is the pipeline's own packages, the emulated AWS, the bootstrap and the benchmark.
//
// +check
func (m *SensorBackend) TestModules(
	ctx context.Context,
	// The repository's other Go modules.
	// +defaultPath="/"
	// +ignore=["*", "!bench", "!bootstrap", "!ci", "!emulator", "!infra/**/names.tf", "!infra/**/names.json", "!infra/variables.tf", "!README.md"]
	source *dagger.Directory,
) (string, error) {
	// The pipeline's main package needs the code that the engine generates.
	source = source.WithDirectory("ci", dag.CurrentModule().Source())
	var report strings.Builder
	for _, module := range []string{"bench", "bootstrap", "ci", "ci/plancheck", "emulator"} {
		all := dag.Directory().WithDirectory(module, source.Directory(module))
		if module == "bench" {
			// It changes files of the rest of the repository.
			all = source.WithDirectory(servicesDir, m.Services)
		}
		if module == "ci" {
			// It is tested on them what a program is built from.
			all = all.WithDirectory(servicesDir, m.Services)
			// And on these how its resources are called.
			all = all.WithDirectory("infra", source.Directory("infra"))
		}
		run := golang(all).
			WithWorkdir("/src/"+module).
			WithEnvVariable("CGO_ENABLED", "1").
			WithExec([]string{"go", "vet", "./..."}, anyExit)
		run, err := passed(ctx, run, "go vet of "+module)
		if err != nil {
			return "", err
		}
		run = run.WithExec([]string{"go", "test", "-race", "./..."}, anyExit)
		if _, err := passed(ctx, run, "the tests of "+module); err != nil {
			return "", err
		}
		report.WriteString(module + ": passed\n")
	}
	return report.String(), nil
}

// TestPages holds links, commands, arguments and paths of every page against the repository.
//
// A command is read, not run; a failure names page, line and the nearest right name.
//
// +check
func (m *SensorBackend) TestPages(
	ctx context.Context,
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
) (string, error) {
	run := golang(source).
		WithWorkdir("/src/ci/e2e").
		// Go would not see that a page of another module changed, and answer from its cache.
		WithExec([]string{"go", "test", "-count=1", "./pages"}, anyExit)
	if _, err := passed(ctx, run, "the pages"); err != nil {
		return "", err
	}
	return "every link, command, argument and path of the pages is there", nil
}

// TestEmulator drives the whole emulated AWS with the AWS SDK and the AWS CLI.
//
// Rollouts of real images, invocations of real functions, events, pushes and scans.
//
// +check
// +cache="never"
func (m *SensorBackend) TestEmulator(ctx context.Context) (string, error) {
	return m.integrationTest(ctx, withPackage(goToolchain(), "awscli"), m.EmulatorSource, "./integration/...")
}

// TestRollout runs the pipeline's deployers against the emulated AWS.
//
// Rollouts succeed, crash, hang and are rolled back.
//
// +check
// +cache="never"
func (m *SensorBackend) TestRollout(
	ctx context.Context,
	// The pipeline's source, with its tests.
	// +defaultPath="/ci"
	source *dagger.Directory,
) (string, error) {
	return m.integrationTest(ctx, goToolchain(), source, "./rollout/...")
}

// integrationTest runs tests that want an emulated AWS of their own. It never
// answers from the cache: what is tested is what two processes do together.
func (m *SensorBackend) integrationTest(ctx context.Context, base *dagger.Container, source *dagger.Directory, packages string) (string, error) {
	emulator, err := m.Emulator(ctx)
	if err != nil {
		return "", err
	}
	run := base.
		WithDirectory("/src", source).
		WithWorkdir("/src").
		WithServiceBinding(emulatorHost, emulator).
		WithEnvVariable("EMULATOR_ENDPOINT", emulatorURL).
		With(fresh).
		WithExec([]string{"go", "test", "-tags=integration", "-count=1", "-timeout=20m", packages}, anyExit)
	if _, err := passed(ctx, run, "the integration tests "+packages); err != nil {
		return "", err
	}
	return run.Stdout(ctx)
}

// withPackage adds a program of Debian's, that nobody here wrote, to test against.
func withPackage(ctr *dagger.Container, name string) *dagger.Container {
	return ctr.WithExec([]string{"sh", "-ec",
		"apt-get update -qq && apt-get install -y -qq --no-install-recommends " + name + " >/dev/null && rm -rf /var/lib/apt/lists/*"})
}
