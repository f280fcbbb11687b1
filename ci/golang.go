package main

import "dagger/sensor-backend/internal/dagger"

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

// staticBinary compiles one command without cgo, so that it runs in an empty
// image. Nothing of the machine enters it: two builds of one commit give the
// same bytes.
func staticBinary(source *dagger.Directory, pkg, arch, ldflags string) *dagger.File {
	const out = "/out/binary"
	return golang(source).
		WithEnvVariable("CGO_ENABLED", "0").
		WithEnvVariable("GOOS", "linux").
		WithEnvVariable("GOARCH", arch).
		// The tag leaves the Lambda library's old protocol out, and with it
		// net/rpc, whose templates keep the linker from dropping 10 MB.
		WithExec([]string{"go", "build", "-tags", "lambda.norpc", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w " + ldflags, "-o", out, pkg}).
		File(out)
}
