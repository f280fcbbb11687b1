package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Furnish puts into an unpacked root what a container runtime would: name
// resolution as we have it, a writable /tmp, and the usual devices where we may
// make them. Whatever links the image has, nothing outside of root is touched.
func Furnish(root string) error {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer func() { _ = inside.Close() }()
	for _, dir := range []string{"etc", "dev", "proc", "tmp"} {
		if err := inside.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make /%s: %w", dir, err)
		}
	}
	if err := inside.Chmod("tmp", 0o777|fs.ModeSticky); err != nil {
		return fmt.Errorf("open /tmp: %w", err)
	}
	for _, name := range []string{"etc/resolv.conf", "etc/hosts"} {
		if err := copyInto(inside, name); err != nil {
			return fmt.Errorf("copy /%s: %w", name, err)
		}
	}
	return makeDevices(inside)
}

func makeDevices(inside *os.Root) error {
	dev, err := inside.Open("dev")
	if err != nil {
		return fmt.Errorf("open /dev: %w", err)
	}
	defer func() { _ = dev.Close() }()
	for _, device := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"random", 1, 8}, {"urandom", 1, 9}} {
		// Not every container may make devices, and few programs need them.
		fd := int(dev.Fd())
		if err := unix.Mknodat(fd, device.name, unix.S_IFCHR|0o666, int(unix.Mkdev(device.major, device.minor))); err == nil { //nolint:gosec // so are these
			_ = unix.Fchmodat(fd, device.name, 0o666, 0) // whatever the umask
		}
	}
	return nil
}

// copyInto copies one of our own files to the same name in root, if we have it.
func copyInto(inside *os.Root, name string) (err error) {
	in, err := os.Open("/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := inside.RemoveAll(name); err != nil {
		return err
	}
	out, err := inside.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
