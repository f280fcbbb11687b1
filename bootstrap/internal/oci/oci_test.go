package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestTarOfASource(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	put(t, filepath.Join(source, "bin", "go"), "program", 0o755)
	put(t, filepath.Join(source, "test", "slow"), "x", 0o644)
	if err := os.Symlink("bin/go", filepath.Join(source, "link")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	err := WriteTar(path, []Entry{
		{Path: "usr/local/go", Source: source, Skip: func(rel string) bool { return rel == "test" }},
		{Path: "go", Mode: 0o777},
		{Path: "etc/x", Mode: 0o640, Content: []byte("hello"), UID: 9, GID: 8},
		{Path: "usr/bin/server", Link: "/opt/server"},
		{Path: "usr/bin/one", Source: filepath.Join(source, "bin", "go"), Mode: 0o700},
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	got := map[string]*tar.Header{}
	for reader := tar.NewReader(file); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = h
	}
	for name, want := range map[string]tar.Header{
		"usr/local/go/":       {Typeflag: tar.TypeDir},
		"usr/local/go/bin/go": {Typeflag: tar.TypeReg, Mode: 0o755, Size: 7},
		"usr/local/go/link":   {Typeflag: tar.TypeSymlink, Linkname: "bin/go", Mode: 0o777},
		"go/":                 {Typeflag: tar.TypeDir, Mode: 0o777},
		"etc/x":               {Typeflag: tar.TypeReg, Mode: 0o640, Size: 5, Uid: 9, Gid: 8},
		"usr/bin/server":      {Typeflag: tar.TypeSymlink, Linkname: "/opt/server", Mode: 0o777},
		"usr/bin/one":         {Typeflag: tar.TypeReg, Mode: 0o700, Size: 7},
	} {
		h := got[name]
		if h == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		if h.Typeflag != want.Typeflag || h.Size != want.Size || h.Linkname != want.Linkname || h.Uid != want.Uid ||
			h.Gid != want.Gid || (want.Mode != 0 && h.Mode != want.Mode) || !h.ModTime.Equal(epoch) {
			t.Errorf("%s is %+v", name, h)
		}
	}
	if got["usr/local/go/test/"] != nil {
		t.Error("a skipped directory is there")
	}
}

func TestSameContentSameBytes(t *testing.T) {
	t.Parallel()
	var tars [2][]byte
	for i := range tars {
		source := t.TempDir()
		for _, name := range []string{"b", "a", "c"} {
			put(t, filepath.Join(source, name), name, 0o644)
		}
		path := filepath.Join(t.TempDir(), "layer.tar")
		if err := WriteTar(path, []Entry{{Path: "x", Source: source}}); err != nil {
			t.Fatal(err)
		}
		var err error
		if tars[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(tars[0], tars[1]) {
		t.Error("two layers of the same content differ")
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := WriteTar(path, []Entry{{Path: "x", Content: []byte("x"), Mode: 0o644}}); err != nil {
		t.Fatal(err)
	}
	layer, err := OpenLayer(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	digest, err := Write(dir, "amd64", v1.Config{}, []Layer{layer})
	if err != nil {
		t.Fatal(err)
	}
	desc, err := Manifest(dir)
	if err != nil || desc.Digest.String() != digest || desc.Platform.Architecture != "amd64" {
		t.Errorf("Manifest = %+v, %v; want %s", desc, err, digest)
	}
	if _, err := Manifest(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Manifest of nothing = %v", err)
	}
}

func put(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
