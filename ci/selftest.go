package main

import (
	"context"
	"strings"

	"dagger/sensor-backend/internal/dagger"
)

// TestModules vets and tests, with the race detector, what delivers the services: the pipeline's own packages, the emulated AWS and the bootstrap.
func (m *SensorBackend) TestModules(
	ctx context.Context,
	// The repository's other Go modules.
	// +defaultPath="/"
	// +ignore=["*", "!bootstrap", "!ci", "!emulator"]
	source *dagger.Directory,
) (string, error) {
	// The pipeline's main package needs the code that the engine generates.
	source = source.WithDirectory("ci", dag.CurrentModule().Source())
	var report strings.Builder
	for _, module := range []string{"bootstrap", "ci", "ci/plancheck", "emulator"} {
		run := golang(source.Directory(module)).
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

// TestEmulator drives the whole emulated AWS with the AWS SDK and the AWS CLI: rollouts of real images, invocations of real functions, events, pushes and scans.
func (m *SensorBackend) TestEmulator(ctx context.Context) (string, error) {
	return m.integrationTest(ctx, withAWSCLI(goToolchain()), m.EmulatorSource, "./integration/...")
}

// TestRollout runs the pipeline's deployers against the emulated AWS: rollouts that succeed, crash, hang and are rolled back.
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

// withAWSCLI adds Debian's AWS CLI: a client that nobody here wrote.
func withAWSCLI(ctr *dagger.Container) *dagger.Container {
	return ctr.WithExec([]string{"sh", "-ec",
		"apt-get update -qq && apt-get install -y -qq --no-install-recommends awscli >/dev/null && rm -rf /var/lib/apt/lists/*"})
}
