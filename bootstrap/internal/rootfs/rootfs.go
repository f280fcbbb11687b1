// Package rootfs makes root file systems out of Debian packages.
package rootfs

import (
	"context"
	"io"
	"strings"

	"sensor-backend/bootstrap/internal/run"
)

// Spec says what goes into a root.
type Spec struct {
	Suite    string
	Packages []string
	// Sources are lines as in sources.list; they end up in the root.
	Sources []string
	// Settings are apt settings for making the root.
	Settings []string
	// EssentialHooks run when only the essential packages are there, and
	// CustomizeHooks when all are; $1 is the root.
	EssentialHooks, CustomizeHooks []string
}

// Args gives mmdebstrap's arguments to write the root to a tar file.
func (s Spec) Args(tar string) []string {
	args := []string{
		"--mode=root", "--variant=minbase", "--format=tar", "--skip=check/empty",
		"--include=" + strings.Join(s.Packages, ","),
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-include=/usr/share/doc/*/copyright",
	}
	for _, setting := range s.Settings {
		args = append(args, "--aptopt="+setting)
	}
	for _, hook := range s.EssentialHooks {
		args = append(args, "--essential-hook="+hook)
	}
	for _, hook := range s.CustomizeHooks {
		args = append(args, "--customize-hook="+hook)
	}
	args = append(args, s.Suite, tar)
	return append(args, s.Sources...)
}

// Key is what the root depends on.
func (s Spec) Key() []string {
	return s.Args("")
}

// systemPath keeps mmdebstrap to Debian's own programs: it starts a Python for
// each package, and one that a version manager puts first takes far longer.
const systemPath = "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

// Make writes the root to a tar file.
func (s Spec) Make(ctx context.Context, ex run.Executor, tar string, log io.Writer) error {
	return ex.Run(ctx, run.Command{
		Name: "mmdebstrap", Args: s.Args(tar),
		Env:    []string{"SOURCE_DATE_EPOCH=1704067200", "DEBIAN_FRONTEND=noninteractive", systemPath},
		Stdout: log, Stderr: log,
	})
}
