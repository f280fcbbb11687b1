// Package cache knows where everything lies in the user's cache directory, and
// how to put things there so that an interruption leaves nothing half done.
package cache

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dir is the root of what the bootstrap keeps.
type Dir string

// Default is sensor-backend in the user's cache directory.
func Default() (Dir, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return Dir(filepath.Join(base, "sensor-backend")), nil
}

// Path joins elements to the root.
func (d Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// Bin is the directory of the programs, meant for PATH.
func (d Dir) Bin() string { return d.Path("bin") }

// Images is the directory that the registry serves.
func (d Dir) Images() string { return d.Path("images") }

// Logs is the directory of the logs of steps and processes.
func (d Dir) Logs() string { return d.Path("logs") }

// Stamps is the directory that records finished steps.
func (d Dir) Stamps() string { return d.Path("stamps") }

// Processes is the directory that records running processes.
func (d Dir) Processes() string { return d.Path("run") }

// Lock is the file that one bootstrap at a time holds.
func (d Dir) Lock() string { return d.Path("lock") }

// State is the engine's own directory.
func (d Dir) State() string { return d.Path("engine-state") }

// Make creates the directories.
func (d Dir) Make() error {
	for _, dir := range []string{d.Bin(), d.Images(), d.Logs(), d.Stamps(), d.Processes(), d.tmp()} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("make the cache directory: %w", err)
		}
	}
	return nil
}

// Clean removes what an interrupted run left behind. Only the holder of the
// lock may call it.
func (d Dir) Clean() error {
	if err := os.RemoveAll(d.tmp()); err != nil {
		return fmt.Errorf("remove leftovers: %w", err)
	}
	return d.Make()
}

// Temp makes a new directory on the same file system as everything else here,
// so that a rename out of it is atomic.
func (d Dir) Temp(name string) (string, error) {
	dir, err := os.MkdirTemp(d.tmp(), name+"-")
	if err != nil {
		return "", fmt.Errorf("make a temporary directory: %w", err)
	}
	return dir, nil
}

// Replace moves the file or directory at from to the place of to, whose old
// content goes away. A reader sees the old or the new, for a directory for an
// instant neither, and never a mixture.
func (d Dir) Replace(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return fmt.Errorf("make the parent of %s: %w", to, err)
	}
	info, err := os.Lstat(to)
	if err == nil && info.IsDir() {
		old, err := d.Temp("old")
		if err != nil {
			return err
		}
		if err := os.Rename(to, filepath.Join(old, "gone")); err != nil {
			return fmt.Errorf("move the old %s away: %w", to, err)
		}
		defer func() { _ = os.RemoveAll(old) }()
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("put %s in place: %w", to, err)
	}
	return nil
}

// WriteFile writes a file atomically.
func (d Dir) WriteFile(path string, content []byte, mode os.FileMode) error {
	dir, err := d.Temp("file")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tmp := filepath.Join(dir, "new")
	if err := os.WriteFile(tmp, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return d.Replace(tmp, path)
}

func (d Dir) tmp() string { return d.Path("tmp") }
