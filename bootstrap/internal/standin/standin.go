// Package standin describes the images that stand in for public ones on a
// machine that reaches no registry. Each keeps the contract of its public
// image (entry point, environment, user, ports, paths) and nothing more, so
// that the pipeline runs on either.
package standin

import (
	_ "embed"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"sensor-backend/bootstrap/internal/oci"
	"sensor-backend/bootstrap/internal/provider"
	"sensor-backend/bootstrap/internal/rootfs"
)

//go:embed postgres-entrypoint.sh
var postgresEntrypoint []byte

// The public names.
const (
	Golang    = "library/golang:1.26-bookworm"
	Postgres  = "library/postgres:17-trixie"
	Terraform = "hashicorp/terraform:1.11.4"
	Moto      = "motoserver/moto:5.2.4"
)

// The versions of moto that serve: older ones miss what the provider calls, and
// what a next major version changes is not known. Debian's suite moves every day;
// the emulated AWS tests itself at its start and says what a version lacks.
const (
	MotoOldest = "5.2.4"
	MotoBefore = "6~"
)

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// GolangRoot is a Debian with what the public image has besides Go.
func GolangRoot() rootfs.Spec {
	return rootfs.Spec{
		Suite: "bookworm",
		Packages: []string{
			"ca-certificates", "curl", "g++", "gcc", "git", "libc6-dev", "make", "openssh-client", "pkg-config",
		},
	}
}

// GolangEntries add the toolchain at goroot. settings are the apt settings
// that this machine's package sources need.
func GolangEntries(goroot string, settings []string) []oci.Entry {
	return []oci.Entry{
		{Path: "usr/local/go", Source: goroot, Skip: unneeded},
		{Path: "go", Mode: 0o777},
		{Path: "go/bin", Mode: 0o777},
		{Path: "go/src", Mode: 0o777},
		{Path: "go/pkg", Mode: 0o777},
		{Path: "go/pkg/mod", Mode: 0o777},
		{Path: "root/.cache", Mode: 0o755},
		{Path: "root/.cache/go-build", Mode: 0o755},
		{Path: "etc/apt/apt.conf.d/90machine", Mode: 0o644, Content: []byte(strings.Join(append(settings, ""), "\n"))},
	}
}

// unneeded are parts of a Go distribution that no build reads.
func unneeded(rel string) bool {
	switch rel {
	case "test", "api", "doc", ".git":
		return true
	}
	return false
}

// GolangConfig is the public image's configuration, and what this machine's
// Go needs to reach modules.
func GolangConfig(version string, network []string) v1.Config {
	return v1.Config{
		Env: append([]string{
			"PATH=/go/bin:/usr/local/go/bin:" + systemPath,
			"GOLANG_VERSION=" + strings.TrimPrefix(version, "go"),
			"GOTOOLCHAIN=local",
			"GOPATH=/go",
		}, network...),
		WorkingDir: "/go",
		Cmd:        []string{"bash"},
	}
}

// SDKEntries add to the Go image what makes it Dagger's Go SDK.
func SDKEntries(codegen string) []oci.Entry {
	return []oci.Entry{{Path: "usr/local/bin/codegen", Source: codegen, Mode: 0o755}}
}

// SDKConfig is the configuration of Dagger's Go SDK image.
func SDKConfig(network []string) v1.Config {
	return v1.Config{
		Env: append([]string{
			"PATH=/go/bin:/usr/local/go/bin:" + systemPath,
			"GOPATH=/go",
			"GOTOOLCHAIN=auto",
		}, network...),
		WorkingDir: "/go",
	}
}

// PostgresRoot is a Debian with PostgreSQL 17 and no database yet.
func PostgresRoot() rootfs.Spec {
	return rootfs.Spec{
		Suite:    "trixie",
		Packages: []string{"ca-certificates", "locales", "postgresql-17", "tzdata"},
		EssentialHooks: []string{
			`echo postgres:x:999: >> "$1/etc/group"`,
			`echo postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/bash >> "$1/etc/passwd"`,
			`mkdir -p "$1/etc/postgresql-common"`,
			`echo create_main_cluster = false > "$1/etc/postgresql-common/createcluster.conf"`,
		},
		CustomizeHooks: []string{
			`chroot "$1" localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8`,
			`sed -i "s/^#\?listen_addresses.*/listen_addresses = '*'/" "$1/usr/share/postgresql/17/postgresql.conf.sample"`,
			`mkdir -p "$1/docker-entrypoint-initdb.d" "$1/var/lib/postgresql/data" "$1/var/run/postgresql"`,
			`chown -R 999:999 "$1/var/lib/postgresql" "$1/var/run/postgresql"`,
			`chmod 1777 "$1/var/lib/postgresql/data"`,
			`chmod 3777 "$1/var/run/postgresql"`,
		},
	}
}

// PostgresEntries add the entry point.
func PostgresEntries() []oci.Entry {
	return []oci.Entry{{Path: "usr/local/bin/docker-entrypoint.sh", Mode: 0o755, Content: postgresEntrypoint}}
}

// PostgresConfig is the public image's configuration.
func PostgresConfig() v1.Config {
	return v1.Config{
		Env: []string{
			"PATH=" + systemPath + ":/usr/lib/postgresql/17/bin",
			"LANG=en_US.utf8",
			"PG_MAJOR=17",
			"PGDATA=/var/lib/postgresql/data",
		},
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"postgres"},
		ExposedPorts: map[string]struct{}{"5432/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/postgresql/data": {}},
		StopSignal:   "SIGINT",
	}
}

// TerraformRoot is a small Debian with what Terraform calls.
func TerraformRoot() rootfs.Spec {
	return rootfs.Spec{Suite: "trixie", Packages: []string{"ca-certificates", "git", "openssh-client"}}
}

// TerraformEntries add the program and the provider, the latter where
// Terraform and OpenTofu look before they ask a registry. On Debian /bin is
// /usr/bin.
func TerraformEntries(terraform, aws, arch string) []oci.Entry {
	mirror := provider.MirrorDir(arch)
	return []oci.Entry{
		{Path: "usr/bin/terraform", Source: terraform, Mode: 0o755},
		{Path: path.Join(mirror, provider.FileName()), Source: aws, Mode: 0o755},
		{Path: provider.TofuMirrorDir(arch), Link: "/" + mirror},
	}
}

// TerraformConfig is the public image's configuration.
func TerraformConfig() v1.Config {
	return v1.Config{Env: []string{"PATH=" + systemPath}, Entrypoint: []string{"/bin/terraform"}}
}

// motoCheck is a hook of mmdebstrap that refuses a root whose moto does not serve.
const motoCheck = `found=$(chroot "$1" dpkg-query -W -f '${Version}' python3-moto) || exit 1
dpkg --compare-versions "$found" ge ` + MotoOldest + ` && dpkg --compare-versions "$found" lt ` + MotoBefore + ` || {
	echo "Debian's python3-moto is $found, and the emulated AWS needs ` + MotoOldest + ` or newer, below 6: name a suite that has one in MotoRoot (bootstrap/internal/standin)" >&2
	exit 1
}`

// MotoRoot is a Debian with moto.
func MotoRoot() rootfs.Spec {
	return rootfs.Spec{
		Suite:          "sid",
		Packages:       []string{"ca-certificates", "python3", "python3-flask", "python3-flask-cors", "python3-moto"},
		CustomizeHooks: []string{motoCheck},
	}
}

// MotoEntries add the server at the public image's path.
func MotoEntries() []oci.Entry {
	return []oci.Entry{{Path: "usr/local/bin/moto_server", Link: "/usr/bin/moto_server"}}
}

// MotoConfig is the public image's configuration.
func MotoConfig() v1.Config {
	return v1.Config{
		Env:          []string{"PATH=" + systemPath, "PYTHONUNBUFFERED=1"},
		Entrypoint:   []string{"/usr/local/bin/moto_server", "-H", "0.0.0.0"},
		ExposedPorts: map[string]struct{}{"5000/tcp": {}},
		WorkingDir:   "/moto",
	}
}

// WithoutUpdater hides update-ca-certificates of the layers below. The engine
// calls it before and after every command in a container that has it, each time
// for seconds; without it, it adds the machine's authorities to the bundle itself.
func WithoutUpdater() oci.Entry {
	return oci.Entry{Path: "usr/sbin/.wh.update-ca-certificates", Mode: 0o644, Content: []byte{}}
}

// Describe gives everything that entries without a source put in an image, for
// the key of the step that makes it.
func Describe(entries []oci.Entry) []string {
	parts := make([]string, 0, 4*len(entries))
	for _, e := range entries {
		parts = append(parts, e.Path, e.Mode.String(), string(e.Content), e.Link)
	}
	return parts
}
