// Package distconsts holds the constants that the Dagger engine's build asks
// of its module of the same name: where the engine finds its parts on disk.
package distconsts

// Names and paths of the engine's distribution.
const (
	// EngineContainerName is the name the engine gives itself in its own logs.
	EngineContainerName = "dagger-engine.dev"
	// EngineDefaultStateDir is where the engine keeps its cache by default.
	EngineDefaultStateDir = "/var/lib/dagger"
	// DefaultEngineSockAddr is the address the engine listens on by default.
	DefaultEngineSockAddr = "unix:///run/dagger/engine.sock"

	// RuncPath is the container runtime.
	RuncPath = "/usr/local/bin/runc"
	// DaggerInitPath is the first process of every container.
	DaggerInitPath = "/usr/local/bin/dagger-init"

	// EngineContainerBuiltinContentDir holds the OCI blobs of the built-in SDKs.
	EngineContainerBuiltinContentDir = "/usr/local/share/dagger/content"
	// GoSDKManifestDigestEnvName names the Go SDK image's digest.
	GoSDKManifestDigestEnvName = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	// PythonSDKManifestDigestEnvName names the Python SDK image's digest.
	PythonSDKManifestDigestEnvName = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	// TypescriptSDKManifestDigestEnvName names the TypeScript SDK image's digest.
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"

	// EngineCustomCACertsDir holds the certificates handed to every container.
	EngineCustomCACertsDir = "/usr/local/share/ca-certificates"
)

// Base images that the engine falls back on.
const (
	// AlpineVersion is the version of AlpineImage.
	AlpineVersion = "3.22.1"
	// AlpineImage is the small image for the engine's own helpers.
	AlpineImage = "alpine:" + AlpineVersion

	// GolangVersion is the version of GolangImage.
	GolangVersion = "1.25"
	// GolangImage is the image that builds Go.
	GolangImage = "golang:" + GolangVersion + "-alpine"

	// BusyboxVersion is the version of BusyboxImage.
	BusyboxVersion = "1.37.0-musl"
	// BusyboxImage is the image for file operations.
	BusyboxImage = "busybox:" + BusyboxVersion

	// OCIVersionAnnotation holds an image's version in an OCI index.
	OCIVersionAnnotation = "org.opencontainers.image.version"
)
