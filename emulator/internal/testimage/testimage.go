// Package testimage builds images and function archives of the test
// application, without Docker.
package testimage

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Binary builds the test application as a static program and gives its path.
func Binary(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "testapp")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, "sensor-backend/emulator/internal/testapp")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the test application: %v\n%s", err, out)
	}
	return program
}

// File is an entry of a layer.
type File struct {
	Name    string
	Mode    int64
	UID     int
	Content []byte
	Link    string
	Dir     bool
}

// Layer makes a layer of files, in order.
func Layer(t testing.TB, files ...File) v1.Layer {
	t.Helper()
	raw := Tar(t, files...)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// Tar makes a tar stream of files, in order.
func Tar(t testing.TB, files ...File) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Name: f.Name, Mode: f.Mode, Uid: f.UID, Gid: f.UID, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		switch {
		case f.Dir:
			header.Typeflag = tar.TypeDir
		case f.Link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.Link
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(f.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Image makes an image of the program at path, run as uid 65532, with a label
// that makes it different from others.
func Image(t testing.TB, program, label string) v1.Image {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, Layer(t, File{Name: "testapp", Mode: 0o755, Content: content}))
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{"/testapp"}, User: "65532:65532", Labels: map[string]string{"label": label}}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return image
}

// Function makes the archive of a Lambda function of the program at path.
func Function(t testing.TB, program, label string) []byte {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, body := range map[string][]byte{"bootstrap": content, "label": []byte(label)} {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o755)
		entry, err := archive.CreateHeader(header)
		if err == nil {
			_, err = entry.Write(body)
		}
		if err != nil {
			t.Fatal(fmt.Errorf("write %s: %w", name, err))
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
