package imagecheck

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// image is an image of one layer.
func image(t *testing.T, config v1.Config, files ...*tar.Header) v1.Image {
	t.Helper()
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, h := range files {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := v1.Config{User: "65532:65532", Entrypoint: []string{"/api"}, Env: []string{"PATH=/", "TZ=UTC"}}
	program := &tar.Header{Name: "api", Mode: 0o755, Size: 10}
	with := func(change func(*v1.Config)) v1.Config {
		c := good
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		config v1.Config
		files  []*tar.Header
		limit  int64
		want   []string
	}{
		{"as it should be", good, []*tar.Header{program, {Name: "etc/ssl", Typeflag: tar.TypeDir, Mode: 0o755}}, 1 << 20, nil},
		{"no user", with(func(c *v1.Config) { c.User = "" }), nil, 1 << 20, []string{ruleRoot}},
		{"root by name", with(func(c *v1.Config) { c.User = "root" }), nil, 1 << 20, []string{ruleRoot}},
		{"root by number", with(func(c *v1.Config) { c.User = "0:5" }), nil, 1 << 20, []string{ruleRoot}},
		{"a name that may be root", with(func(c *v1.Config) { c.User = "app" }), nil, 1 << 20, []string{ruleRoot}},
		{"a shell", good, []*tar.Header{{Name: "bin/sh", Mode: 0o755}}, 1 << 20, []string{ruleShell}},
		{"a linked shell", good, []*tar.Header{{Name: "./bin/bash", Typeflag: tar.TypeSymlink, Linkname: "/x"}}, 1 << 20, []string{ruleShell}},
		{"a text of that name", good, []*tar.Header{{Name: "doc/sh", Mode: 0o644}}, 1 << 20, nil},
		{"setuid", good, []*tar.Header{{Name: "su", Mode: 0o4755}}, 1 << 20, []string{ruleSetuid}},
		{"too large", good, []*tar.Header{program}, 10, []string{ruleSize}},
		{"a secret", with(func(c *v1.Config) { c.Env = []string{"DB_PASSWORD=hunter2"} }), nil, 1 << 20, []string{ruleVariable}},
		{"no entry point", with(func(c *v1.Config) { c.Entrypoint = nil }), nil, 1 << 20, []string{ruleEntrypoint}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			facts, found, err := Check(image(t, tt.config, tt.files...), Limits{MaxBytes: tt.limit})
			if err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, f := range found {
				rules = append(rules, f.Rule)
				if strings.Contains(f.Message, "hunter2") {
					t.Error("the finding shows the secret")
				}
			}
			if !slices.Equal(rules, tt.want) {
				t.Errorf("%v, want %v (%s)", found, tt.want, facts)
			}
		})
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	img := image(t, v1.Config{User: "1", Entrypoint: []string{"/a"}}, &tar.Header{Name: "a", Mode: 0o755, Size: 3}, &tar.Header{Name: "b", Mode: 0o644})
	facts, _, err := Check(img, Limits{MaxBytes: 1 << 20})
	if err != nil || facts.Files != 2 || facts.Bytes == 0 || facts.User != "1" || !strings.Contains(facts.String(), "2 files, user 1") {
		t.Errorf("%+v, %v", facts, err)
	}
}
