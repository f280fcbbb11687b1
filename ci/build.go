package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/internal/dagger"
)

// Build makes the API's container: the static binary and the CA certificates on an empty image, run as user 65532.
//
// The same commit gives the same binary. The version it answers on /version is
// BRANCH-COMMIT, as in the image's tag.
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
	const certificates = "/etc/ssl/certs/ca-certificates.crt"
	return dag.Container(dagger.ContainerOpts{Platform: dagger.Platform("linux/" + arch)}).
		WithFile(certificates, goToolchain().File(certificates)).
		WithFile("/api", staticBinary(m.Services, "./cmd/api", arch, ldflags), dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithUser("65532:65532").
		WithEntrypoint([]string{"/api"}).
		WithExposedPort(8080).
		WithLabel("org.opencontainers.image.revision", ref.Commit).
		WithLabel("org.opencontainers.image.version", imageTag(ref)), nil
}
