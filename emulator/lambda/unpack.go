package lambda

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// maxUnpacked bounds a function's code, as Lambda does.
const maxUnpacked = 250 << 20

// unpack writes a zip's files below dir. No entry can reach outside of it.
func unpack(content []byte, dir string) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return fmt.Errorf("read the zip: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the function's user must reach it
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	left := int64(maxUnpacked)
	for _, entry := range archive.File {
		name := strings.TrimPrefix(path.Clean("/"+entry.Name), "/")
		if name == "" {
			continue
		}
		if entry.FileInfo().IsDir() {
			err = root.MkdirAll(name, 0o755)
		} else {
			left, err = unpackFile(root, name, entry, left)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
	return nil
}

// unpackFile writes one file and says how many bytes are left to be written.
func unpackFile(root *os.Root, name string, entry *zip.File, left int64) (_ int64, err error) {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return left, err
	}
	from, err := entry.Open()
	if err != nil {
		return left, err
	}
	defer func() { _ = from.Close() }()
	mode := entry.Mode().Perm() | 0o444
	to, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	n, err := io.Copy(to, io.LimitReader(from, left+1))
	if err == nil && n > left {
		err = fmt.Errorf("the unpacked code is over %d bytes", int64(maxUnpacked))
	}
	return left - n, errors.Join(err, root.Chmod(name, mode))
}
