package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/text"
)

// The images and tools the pipeline runs in. The tags of images move with their
// patches; what is built does not depend on them: programs are compiled by exactly
// content.Toolchain, which go takes from its module proxy where the image has another
// one, and the API's image holds its program alone.
const (
	golangImage    = "golang:1.26-bookworm"
	postgresImage  = "postgres:17-trixie"
	terraformImage = "hashicorp/terraform:1.11.4"
	motoImage      = "motoserver/moto:5.2.4"

	golangciLint = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	actionlint   = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
	govulncheck  = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	gitleaks     = "github.com/zricethezav/gitleaks/v8@v8.30.1"
	syft         = "github.com/anchore/syft/cmd/syft@v1.57.0"
	grype        = "github.com/anchore/grype/cmd/grype@v0.121.2"
)

// anyExit lets a command fail without failing the call, so that its output can
// be put into the error.
var anyExit = dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny}

// passed waits for the container's last command and returns the container if
// that ended with 0. The error names what ran and ends with the last lines of
// what it wrote, without secrets.
func passed(ctx context.Context, run *dagger.Container, what string) (*dagger.Container, error) {
	code, err := run.ExitCode(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	if code == 0 {
		return run, nil
	}
	stdout, err := run.Stdout(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	stderr, err := run.Stderr(ctx)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	return nil, secretsGiven.Error(fmt.Errorf("%s failed (exit code %d):\n%s", what, code, text.Excerpt(stdout+"\n"+stderr)))
}

// fresh makes the next command run even if nothing it can see has changed: it
// acts on a world outside.
func fresh(c *dagger.Container) *dagger.Container {
	return c.WithEnvVariable("RUN_AT", time.Now().Format(time.RFC3339Nano))
}

// golang is a container with the Go toolchain and the module's source in its
// working directory, module and build caches shared between runs.
func golang(source *dagger.Directory) *dagger.Container {
	return goToolchain().
		WithDirectory("/src", source).
		WithWorkdir("/src")
}

func goToolchain() *dagger.Container {
	return dag.Container().
		From(golangImage).
		WithMountedCache("/go/pkg/mod", dag.CacheVolume("go-mod")).
		WithMountedCache("/root/.cache/go-build", dag.CacheVolume("go-build")).
		WithEnvVariable("GOWORK", "off")
}

// goTool is a container with one of the pinned Go programs on its path. Building
// it is a layer that only another version renews.
func goTool(program string) *dagger.Container {
	return goToolchain().
		WithEnvVariable("GOBIN", "/usr/local/bin").
		WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "install", program})
}

// reportDir is where a tool writes what it found.
const reportDir = "/out"

// withReportDir gives a container that directory.
func withReportDir(ctr *dagger.Container) *dagger.Container {
	return ctr.WithDirectory(reportDir, dag.Directory())
}

// reportFile is a file in that directory.
func reportFile(name string) string { return path.Join(reportDir, name) }

// newFile gives content to the engine as a file, by way of the one directory
// that it can read of this process.
func newFile(name string, content []byte) (*dagger.File, error) {
	dir, err := os.MkdirTemp(".", "file")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	return dag.CurrentModule().WorkdirFile(file), nil
}

const (
	postgresPort = 5432
	// The databases here live as long as one run and hold generated readings;
	// the password guards nothing.
	postgresUser = "sensor"
)

// postgres is a database server of its own for each purpose: equal services
// are one service to the engine.
func postgres(purpose string) *dagger.Service {
	return dag.Container().
		From(postgresImage).
		WithLabel("purpose", purpose).
		WithEnvVariable("POSTGRES_USER", postgresUser).
		WithEnvVariable("POSTGRES_PASSWORD", postgresUser).
		WithEnvVariable("POSTGRES_DB", postgresUser).
		WithExposedPort(postgresPort).
		// It logs what ends it and not the errors that tests want from it.
		AsService(dagger.ContainerAsServiceOpts{
			Args: []string{"postgres", "-c", "log_min_messages=fatal"}, UseEntrypoint: true,
		})
}

// databaseURL is where clients bound under the given host name find it.
func databaseURL(host string) string {
	return "postgres://" + postgresUser + ":" + postgresUser + "@" + host + ":5432/" + postgresUser + "?sslmode=disable"
}
