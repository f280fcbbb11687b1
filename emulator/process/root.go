package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Furnish puts into an unpacked root what a container runtime would: name
// resolution as we have it, a writable /tmp, and the usual devices where we may
// make them.
func Furnish(root string) error {
	for _, dir := range []struct {
		name string
		mode fs.FileMode
	}{{"etc", 0o755}, {"dev", 0o755}, {"proc", 0o555}, {"tmp", 0o777 | fs.ModeSticky}} {
		place := filepath.Join(root, dir.name)
		if err := os.MkdirAll(place, 0o755); err != nil { //nolint:gosec // as in an image
			return fmt.Errorf("making /%s: %w", dir.name, err)
		}
		if dir.name == "tmp" {
			if err := os.Chmod(place, dir.mode); err != nil {
				return fmt.Errorf("opening /tmp: %w", err)
			}
		}
	}
	for _, name := range []string{"etc/resolv.conf", "etc/hosts"} {
		if err := copyFile("/"+name, filepath.Join(root, name)); err != nil {
			return fmt.Errorf("copying /%s: %w", name, err)
		}
	}
	for _, device := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"random", 1, 8}, {"urandom", 1, 9}} {
		place := filepath.Join(root, "dev", device.name)
		// Not every container may make devices, and few programs need them.
		if err := unix.Mknod(place, unix.S_IFCHR|0o666, int(unix.Mkdev(device.major, device.minor))); err == nil {
			_ = os.Chmod(place, 0o666) //nolint:gosec // devices for everyone
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from) //nolint:gosec // one of two fixed files
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644) //nolint:gosec // readable as in any container
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
