package oci

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Entry is something to put in a layer: one of Content, Link, Source or none
// (an empty directory).
type Entry struct {
	// Path is where it goes, without a leading slash.
	Path string
	// Mode is the permission bits of Content or of an empty directory.
	Mode fs.FileMode
	// Content is a file's content.
	Content []byte
	// Link is the target of a symbolic link.
	Link string
	// Source is a file or a directory of this machine, copied with all that
	// is in it.
	Source string
	// Skip leaves out parts of a source directory; it gets the path inside it.
	Skip func(rel string) bool
	// UID and GID own the entry.
	UID, GID int
}

// WriteTar writes a layer of the entries to a new file. The same content gives
// the same bytes.
func WriteTar(path string, entries []Entry) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create layer: %w", err)
	}
	w := &writer{tar: tar.NewWriter(file)}
	for _, entry := range entries {
		if err := w.add(entry); err != nil {
			_ = file.Close()
			return fmt.Errorf("layer %s: add %s: %w", filepath.Base(path), entry.Path, err)
		}
	}
	if err := w.tar.Close(); err != nil {
		_ = file.Close()
		return fmt.Errorf("finish layer: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("finish layer: %w", err)
	}
	return nil
}

type writer struct {
	tar *tar.Writer
}

func (w *writer) add(e Entry) error {
	switch {
	case e.Source != "":
		return w.source(e)
	case e.Link != "":
		return w.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: e.Path, Linkname: e.Link, Mode: 0o777})
	case e.Content != nil:
		return w.file(e.Path, e, int64(len(e.Content)), strings.NewReader(string(e.Content)))
	default:
		return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: e.Path + "/", Mode: int64(e.Mode.Perm()), Uid: e.UID, Gid: e.GID})
	}
}

func (w *writer) source(e Entry) error {
	return filepath.WalkDir(e.Source, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(e.Source, full)
		if err != nil {
			return err
		}
		if e.Skip != nil && e.Skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := path.Join(e.Path, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: int64(info.Mode().Perm())})
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(full)
			if err != nil {
				return err
			}
			return w.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
		case info.Mode().IsRegular():
			//nolint:gosec // A toolchain that someone changes meanwhile is theirs to mend.
			file, err := os.Open(full)
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }()
			mode := e.Mode
			if mode == 0 {
				mode = info.Mode()
			}
			return w.file(name, Entry{Mode: mode, UID: e.UID, GID: e.GID}, info.Size(), file)
		default:
			return nil
		}
	})
}

func (w *writer) file(name string, e Entry, size int64, content io.Reader) error {
	err := w.header(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(e.Mode.Perm()), Size: size, Uid: e.UID, Gid: e.GID,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(w.tar, content)
	return err
}

func (w *writer) header(h *tar.Header) error {
	h.ModTime = epoch
	h.Format = tar.FormatPAX
	return w.tar.WriteHeader(h)
}
