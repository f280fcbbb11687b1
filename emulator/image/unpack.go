package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// Unpack writes the image's file system below dir, which must exist.
func (i Image) Unpack(dir string) error {
	for n, layer := range i.layers {
		stream, err := layer.Uncompressed()
		if err != nil {
			return fmt.Errorf("reading layer %d: %w", n, err)
		}
		err = Apply(dir, stream)
		if err = errors.Join(err, stream.Close()); err != nil {
			return fmt.Errorf("unpacking layer %d: %w", n, err)
		}
	}
	return nil
}

// Apply applies one layer, a tar stream, to the file system below dir. No entry
// can reach outside of it.
func Apply(dir string, stream io.Reader) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	added := map[string]bool{}
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the tar stream: %w", err)
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		if name == "" {
			continue
		}
		if err := applyEntry(root, name, header, archive, added); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func applyEntry(root *os.Root, name string, header *tar.Header, content io.Reader, added map[string]bool) error {
	parent, base := path.Split(name)
	parent = strings.TrimSuffix(parent, "/")
	if base == opaque {
		return clearDir(root, parent, added)
	}
	if hidden, ok := strings.CutPrefix(base, whiteout); ok {
		return root.RemoveAll(path.Join(parent, hidden))
	}
	if parent != "" {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	added[name] = true
	if header.Typeflag == tar.TypeDir {
		if info, err := root.Stat(name); err != nil || !info.IsDir() {
			if err := root.RemoveAll(name); err != nil {
				return err
			}
			if err := root.Mkdir(name, 0o755); err != nil {
				return err
			}
		}
		return settle(root, name, header)
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeReg:
		if err := writeFile(root, name, content); err != nil {
			return err
		}
		return settle(root, name, header)
	case tar.TypeSymlink:
		if err := root.Symlink(header.Linkname, name); err != nil {
			return err
		}
		return ignorePermission(root.Lchown(name, header.Uid, header.Gid))
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(path.Clean("/"+header.Linkname), "/"), name)
	}
	// Device nodes and pipes are not carried over: see DeviceNodes.
	return nil
}

func writeFile(root *os.Root, name string, content io.Reader) (err error) {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, content)
	return err
}

// settle gives an entry its owner, then its mode: changing the owner clears
// the set-user-id bit.
func settle(root *os.Root, name string, header *tar.Header) error {
	if err := ignorePermission(root.Lchown(name, header.Uid, header.Gid)); err != nil {
		return err
	}
	mode := header.FileInfo().Mode()
	return root.Chmod(name, mode.Perm()|mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// clearDir removes what lower layers put in a directory.
func clearDir(root *os.Root, dir string, added map[string]bool) error {
	if dir == "" {
		dir = "."
	}
	entries, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if added[name] {
			continue
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// ignorePermission lets a user other than root unpack, without the owners.
func ignorePermission(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return nil
	}
	return err
}
