// Package preflight decides, before any work, whether the work can succeed,
// and by which way.
package preflight

import (
	"errors"
	"fmt"

	"golang.org/x/mod/semver"

	"sensor-backend/bootstrap/internal/engine"
)

// Mode is how this machine comes to a usable Dagger.
type Mode int

// The modes.
const (
	// UseInstalled: the client on PATH and something that runs its engine are there,
	// so nothing is to be done.
	UseInstalled Mode = iota + 1
	// ClientOnly builds the client; what is there runs the engine.
	ClientOnly
	// Full builds and starts everything.
	Full
)

// Tools is what the machine has before any work.
type Tools struct {
	Root bool
	// Runtime is what runs an engine in a container, Docker or Podman; empty if
	// neither answers.
	Runtime string
	// Runner is the address of an engine that the environment names; empty for none
	// and for the bootstrap's own.
	Runner string
	// Dagger is the version of the client on PATH, or empty.
	Dagger string
}

// engine says what the engine is, or empty if there is none.
func (t Tools) engine() string {
	if t.Runner != "" {
		return "the engine at " + t.Runner
	}
	return t.Runtime
}

// usable reports whether a client of that version can call the module: the one that
// is built here, or a newer one.
func usable(version string) bool {
	return semver.IsValid(version) && semver.Compare(version, engine.Version) >= 0
}

// ErrNotRoot says that no way is open.
var ErrNotRoot = errors.New("not root, neither Docker nor Podman answers, and " + engine.RunnerVariable + " names no engine: " +
	"an engine of its own needs root; run this as root, or start Docker")

// ChooseMode decides by what is there, and says why.
func ChooseMode(t Tools) (mode Mode, why string, err error) {
	runs := t.engine()
	client := "no dagger is on PATH"
	if t.Dagger != "" {
		client = fmt.Sprintf("dagger %s on PATH is older than %s", t.Dagger, engine.Version)
	}
	switch {
	case runs != "" && usable(t.Dagger):
		return UseInstalled, fmt.Sprintf("using dagger %s from PATH with %s", t.Dagger, runs), nil
	case runs != "":
		return ClientOnly, fmt.Sprintf("building the client alone: %s, and %s runs the engine", client, runs), nil
	case t.Root:
		return Full, "building an engine and its client: neither Docker nor Podman answers, and " + engine.RunnerVariable + " names no engine", nil
	}
	return 0, "", ErrNotRoot
}

// NeedFree is how much disk the whole work may take.
const NeedFree = 15 << 30

// Disk checks the free bytes below dir.
func Disk(free uint64, dir string) error {
	if free >= NeedFree {
		return nil
	}
	return fmt.Errorf("%s has %.1f GB free and %d GB are needed: free some space, or set XDG_CACHE_HOME to a larger disk",
		dir, float64(free)/(1<<30), NeedFree>>30)
}

// Port is what was found at the registry's port.
type Port struct {
	// Taken says that something listens, and Ours that it is the registry that
	// was started from here.
	Taken, Ours bool
	// Registry is the process of another such registry, or empty.
	Registry string
}

// CheckPort decides whether the registry can have its address.
func CheckPort(p Port, address string) error {
	if !p.Taken || p.Ours {
		return nil
	}
	if p.Registry != "" {
		return fmt.Errorf("%s is taken by an image registry (process %s) that was not started from here: stop it first", address, p.Registry)
	}
	return fmt.Errorf("%s is taken by another program, and the image registry needs it: stop that program (see `ss -ltnp`)", address)
}

// Engine is what was found at the engine's socket.
type Engine struct {
	// Listening says that a process listens, PID which and Version of what;
	// Ours that it was started for this cache directory.
	Listening bool
	PID       int
	Version   string
	Ours      bool
}

// CheckEngine decides whether the engine can have its socket.
func CheckEngine(e Engine) error {
	switch {
	case !e.Listening || e.Ours:
		return nil
	case e.Version == "":
		return fmt.Errorf("process %d, of unknown version, listens on %s and was not started from here: stop it first",
			e.PID, engine.Socket)
	case e.Version != engine.Version:
		return fmt.Errorf("an engine %s (process %d) listens on %s and %s is needed: stop it first",
			e.Version, e.PID, engine.Socket, engine.Version)
	default:
		return fmt.Errorf("an engine %s (process %d) listens on %s and was not started from here, so it does not know the image registry: stop it first",
			e.Version, e.PID, engine.Socket)
	}
}

// Reach turns the failures to reach package sources into one error.
func Reach(source string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("no network to the %s: %w; check the network and the proxy settings", source, err)
}
