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
			return fmt.Errorf("read layer %d: %w", n, err)
		}
		err = Apply(dir, stream)
		if err = errors.Join(err, stream.Close()); err != nil {
			return fmt.Errorf("unpack layer %d: %w", n, err)
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
	l := &layer{root: root, added: map[string]bool{}}
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the tar stream: %w", err)
		}
		name := clean(header.Name)
		if name == "" {
			continue
		}
		if err := l.apply(name, header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// layer is one layer being applied.
type layer struct {
	root *os.Root
	// added has the entries of this layer and the directories they lie in:
	// its whiteouts hide only what lower layers brought.
	added map[string]bool
}

func (l *layer) apply(name string, header *tar.Header, content io.Reader) error {
	parent, base := path.Dir(name), path.Base(name)
	if base == opaque {
		return l.hideBelow(parent)
	}
	if hidden, ok := strings.CutPrefix(base, whiteout); ok {
		if hidden == "" || hidden == "." || hidden == ".." {
			return errors.New("the whiteout names no file")
		}
		return l.hide(path.Join(parent, hidden))
	}
	if err := l.root.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		l.added[dir] = true
	}
	if header.Typeflag == tar.TypeDir {
		if info, err := l.root.Lstat(name); err == nil && info.IsDir() {
			return l.settle(name, header)
		}
	}
	if err := l.root.RemoveAll(name); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := l.root.Mkdir(name, 0o755); err != nil {
			return err
		}
		return l.settle(name, header)
	case tar.TypeReg:
		if err := l.writeFile(name, content); err != nil {
			return err
		}
		return l.settle(name, header)
	case tar.TypeSymlink:
		if err := l.root.Symlink(header.Linkname, name); err != nil {
			return err
		}
		return ignorePermission(l.root.Lchown(name, header.Uid, header.Gid))
	case tar.TypeLink:
		return l.root.Link(clean(header.Linkname), name)
	}
	// Devices and pipes are not carried over: the runtime makes its own.
	return nil
}

// clean makes a path of the archive relative to the root; "" is the root.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (l *layer) writeFile(name string, content io.Reader) (err error) {
	file, err := l.root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, content)
	return err
}

// settle gives an entry its owner, then its mode: changing the owner clears
// the set-user-id bit.
func (l *layer) settle(name string, header *tar.Header) error {
	if err := ignorePermission(l.root.Lchown(name, header.Uid, header.Gid)); err != nil {
		return err
	}
	mode := header.FileInfo().Mode()
	return l.root.Chmod(name, mode.Perm()|mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// hide removes what lower layers left at name.
func (l *layer) hide(name string) error {
	if !l.added[name] {
		return l.root.RemoveAll(name)
	}
	return l.hideBelow(name)
}

// hideBelow removes what lower layers left in a directory.
func (l *layer) hideBelow(dir string) error {
	if info, err := l.root.Lstat(dir); err != nil || !info.IsDir() {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	opened, err := l.root.Open(dir)
	if err != nil {
		return err
	}
	entries, err := opened.ReadDir(-1)
	if err = errors.Join(err, opened.Close()); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := l.hide(path.Join(dir, entry.Name())); err != nil {
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
