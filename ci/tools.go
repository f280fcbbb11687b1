package main

import (
	"path"

	"dagger/sensor-backend/internal/dagger"
)

// goTool is a container with one of the pinned Go programs on its path. Building
// it is a layer that only another version renews.
func goTool(program string) *dagger.Container {
	return goToolchain().
		WithEnvVariable("GOBIN", "/usr/local/bin").
		WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "install", program})
}

// toolOut is where a tool writes what it found.
const toolOut = "/out"

// reporting gives a container the directory that tools write to.
func reporting(ctr *dagger.Container) *dagger.Container {
	return ctr.WithDirectory(toolOut, dag.Directory())
}

// outFile is a file in that directory.
func outFile(name string) string { return path.Join(toolOut, name) }
