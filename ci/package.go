package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
)

// PackageLambda builds the processor and packs it as Lambda wants it: a zip that is the same, byte for byte, for the same source.
func (m *SensorBackend) PackageLambda(ctx context.Context) (*dagger.File, error) {
	archive, err := m.processorZip(ctx)
	if err != nil {
		return nil, err
	}
	return handOver(processorPackage, archive.Zip)
}

// processorPackage is the package's file name.
const processorPackage = "processor.zip"

// handOver gives content to the engine as a file, by way of the one directory
// that it can read of this process.
func handOver(name string, content []byte) (*dagger.File, error) {
	dir, err := os.MkdirTemp(".", "file")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	return dag.CurrentModule().WorkdirFile(path), nil
}

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
