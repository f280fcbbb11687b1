// Package preflight decides, before any work, whether the work can succeed,
// and by which way.
package preflight

import (
	"errors"
	"fmt"

	"sensor-backend/bootstrap/internal/engine"
)

// Mode is how this machine comes to a usable Dagger.
type Mode int

// The modes.
const (
	// Docker and dagger are there: nothing is to be done.
	UseDocker Mode = iota + 1
	// ClientOnly builds the client; Docker runs the engine.
	ClientOnly
	// Full builds and starts everything.
	Full
)

// Tools is what the machine has before any work.
type Tools struct {
	Root bool
	// Docker says that a Docker daemon answers.
	Docker bool
	// Dagger is the version of the client on PATH, or empty.
	Dagger string
}

// ErrNotRoot says that neither way is open.
var ErrNotRoot = errors.New("not root, and no Docker daemon answers: " +
	"an engine without Docker needs root; run this as root, or start Docker")

// ChooseMode decides by what is there.
func ChooseMode(t Tools) (Mode, error) {
	switch {
	case t.Docker && t.Dagger == engine.Version:
		return UseDocker, nil
	case t.Root:
		return Full, nil
	case t.Docker:
		return ClientOnly, nil
	default:
		return 0, ErrNotRoot
	}
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
