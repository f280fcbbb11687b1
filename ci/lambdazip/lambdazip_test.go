package lambdazip

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestBuildIsReproducible(t *testing.T) {
	binary := []byte(strings.Repeat("\x7fELF a program", 1000))
	first, err := Build(binary)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Build(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Zip, second.Zip) {
		t.Error("two builds of one binary differ")
	}
	if first.CodeSHA256 != second.CodeSHA256 || first.CodeSHA256 != CodeSHA256(first.Zip) {
		t.Errorf("hashes differ: %s, %s", first.CodeSHA256, second.CodeSHA256)
	}
	other, err := Build(append(binary, '!'))
	if err != nil {
		t.Fatal(err)
	}
	if other.CodeSHA256 == first.CodeSHA256 {
		t.Error("another binary has the same hash")
	}
}

func TestBuildContents(t *testing.T) {
	a, err := Build([]byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(a.Zip), int64(len(a.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 {
		t.Fatalf("%d files, want 1", len(r.File))
	}
	f := r.File[0]
	if f.Name != "bootstrap" {
		t.Errorf("name %q", f.Name)
	}
	if f.Mode().Perm() != 0o755 || !f.Mode().IsRegular() {
		t.Errorf("mode %v, want -rwxr-xr-x", f.Mode())
	}
	if f.Method != zip.Deflate {
		t.Errorf("method %d, want deflate", f.Method)
	}
	if !f.Modified.Equal(epoch) {
		t.Errorf("modified %v, want %v", f.Modified, epoch)
	}
	if len(f.Extra) != 0 {
		t.Errorf("extra fields % x, want none", f.Extra)
	}
	body, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	got, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "program" {
		t.Errorf("content %q", got)
	}
}

func TestBuildRefusesEmptyBinary(t *testing.T) {
	if _, err := Build(nil); err == nil {
		t.Error("an empty binary was packed")
	}
}

func TestCheckSize(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{1, true}, {MaxDirectUpload, true}, {MaxDirectUpload + 1, false}} {
		err := checkSize(c.n)
		if (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", c.n, err)
		}
		if err != nil && (!errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "limit 50 MB")) {
			t.Errorf("%d bytes: unclear error %q", c.n, err)
		}
	}
}
