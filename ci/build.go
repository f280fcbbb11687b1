package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
)

// Build makes the API's container: its static binary on an empty image.
//
// It runs as user 65532. The same commit gives the same image, on every machine and
// every day. The version it answers on /version is BRANCH-COMMIT, as in the image's
// tag.
func (m *SensorBackend) Build(ctx context.Context) (*dagger.Container, error) {
	ref, err := m.revision(ctx)
	if err != nil {
		return nil, err
	}
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	ldflags := fmt.Sprintf("-X main.commit=%s -X main.version=%s", ref.Commit, imageTag(ref))
	return dag.Container(dagger.ContainerOpts{Platform: dagger.Platform("linux/" + arch)}).
		WithFile("/api", staticBinary(m.Services, "./cmd/api", arch, ldflags), dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithUser("65532:65532").
		WithEntrypoint([]string{"/api"}).
		WithExposedPort(8080).
		WithLabel("org.opencontainers.image.revision", ref.Commit).
		WithLabel("org.opencontainers.image.version", imageTag(ref)), nil
}

// imageTag is the tag that names branch and commit.
func imageTag(ref gitref.Ref) string { return ecr.BranchTag(ref.Branch, ref.Commit[:12]) }

// PackageLambda builds the processor and packs it for Lambda: the same zip for the same source.
func (m *SensorBackend) PackageLambda(ctx context.Context) (*dagger.File, error) {
	archive, err := m.processorZip(ctx)
	if err != nil {
		return nil, err
	}
	return newFile(processorPackage, archive.Zip)
}

// processorPackage is the package's file name.
const processorPackage = "processor.zip"

// processorZip is the deployment package of the processor.
func (m *SensorBackend) processorZip(ctx context.Context) (lambdazip.Archive, error) {
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return lambdazip.Archive{}, err
	}
	dir, err := os.MkdirTemp("", "processor")
	if err != nil {
		return lambdazip.Archive{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := staticBinary(m.Services, "./cmd/processor", arch, "").Export(ctx, filepath.Join(dir, "binary"))
	if err != nil {
		return lambdazip.Archive{}, fmt.Errorf("build the processor: %w", err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return lambdazip.Archive{}, err
	}
	return lambdazip.Build(binary)
}

// staticBinary compiles one command without cgo, so that it runs in an empty
// image. Nothing of the machine or of the toolchain's image enters it: two builds
// of one commit give the same bytes.
func staticBinary(source *dagger.Directory, pkg, arch, ldflags string) *dagger.File {
	const out = "/out/binary"
	return golang(source).
		WithEnvVariable("GOTOOLCHAIN", goVersion).
		WithEnvVariable("CGO_ENABLED", "0").
		WithEnvVariable("GOOS", "linux").
		WithEnvVariable("GOARCH", arch).
		// The tag leaves the Lambda library's old protocol out, and with it
		// net/rpc, whose templates keep the linker from dropping 10 MB.
		WithExec([]string{"go", "build", "-tags", "lambda.norpc", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w " + ldflags, "-o", out, pkg}).
		File(out)
}
