package scan

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// scratch is an image with one program.
func scratch(t *testing.T, name string, program []byte, entrypoint ...string) v1.Image {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{Entrypoint: entrypoint})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestReadInventory reads this test's own program out of an image.
func TestReadInventory(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := ReadInventory(scratch(t, "./api", program, "/api"))
	if err != nil {
		t.Fatal(err)
	}
	if inv.Program != "/api" || !strings.HasPrefix(inv.GoVersion, "go1.") || len(inv.Packages) < 1 {
		t.Errorf("inventory %+v", inv)
	}
	if r := inv.Judge(nil, Policy{}, time.Now()); r.Outcome != Listed || r.Blocking() || !strings.Contains(r.String(), "compared with nothing") {
		t.Errorf("without advisories: %s", r)
	}
	for _, c := range []struct {
		img  v1.Image
		says string
	}{
		{scratch(t, "api", []byte("#!/bin/sh\n"), "/api"), "unrecognized file format"},
		{scratch(t, "api", program, "/other"), "no file /other"},
		{scratch(t, "api", program), "no entry point"},
	} {
		if _, err := ReadInventory(c.img); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v does not say %q", err, c.says)
		}
	}
}

const advisories = `{"id":"GO-1","affected":[{"package":{"name":"example.org/a","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3"},{"introduced":"2.0.0"},{"fixed":"2.1.0"}]}]}]}`

func TestAdvisories(t *testing.T) {
	t.Parallel()
	db, err := ReadAdvisories(fstest.MapFS{
		"ID/GO-1.json":       {Data: []byte(advisories)},
		"ID/GO-2.json":       {Data: []byte(`{"id":"GO-2","affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.26.0-0"},{"fixed":"1.26.4"}]}]}]}`)},
		"ID/GO-3.json":       {Data: []byte(`{"id":"GO-3","withdrawn":"2024-01-01T00:00:00Z","affected":[{"package":{"name":"example.org/a","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`)},
		"index/modules.json": {Data: []byte(`[{"path":"example.org/a"}]`)},
		"README.txt":         {Data: []byte("x")},
	})
	if err != nil || len(db) != 3 {
		t.Fatalf("%d advisories, %v", len(db), err)
	}
	for _, c := range []struct {
		p    Package
		want string
	}{
		{Package{"example.org/a", "v1.2.2"}, "GO-1"},
		{Package{"example.org/a", "v1.2.3"}, ""},
		{Package{"example.org/a", "v2.0.0"}, "GO-1"},
		{Package{"example.org/a", "v2.1.0"}, ""},
		{Package{"example.org/a", "v0.0.0-20200101000000-0123456789ab"}, "GO-1"},
		{Package{"example.org/a", "(devel)"}, "GO-1"},
		{Package{"example.org/b", "v1.0.0"}, ""},
		{Package{stdlib, goSemver("go1.26.3")}, "GO-2"},
		{Package{stdlib, goSemver("go1.26.8 X:nodwarf5")}, ""},
		{Package{stdlib, goSemver("go1.25")}, ""},
	} {
		if got := strings.Join(db.For(c.p), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.p, got, c.want)
		}
	}
	inv := Inventory{Program: "/api", GoVersion: "go1.26.8", Packages: []Package{{"example.org/a", "v1.0.0"}, {stdlib, "v1.26.8"}}}
	now := day("2026-06-01")
	if r := inv.Judge(db, Policy{}, now); r.Outcome != Vulnerable || !strings.Contains(r.String(), "GO-1 in example.org/a v1.0.0") {
		t.Errorf("got %s", r)
	}
	if r := inv.Judge(db, Policy{Allow: []Exception{{ID: "GO-1", Until: now, Reason: "not reached"}}}, now); r.Outcome != Clean || len(r.Excepted) != 1 {
		t.Errorf("excepted: %s", r)
	}
	if _, err := ReadAdvisories(fstest.MapFS{"x.json": {Data: []byte("{")}}); err == nil || !strings.Contains(err.Error(), "x.json is not JSON") {
		t.Errorf("error %v", err)
	}
}

func FuzzAdvisory(f *testing.F) {
	f.Add([]byte(advisories), "v1.0.0")
	f.Add([]byte(`{"id":"x","affected":[{"ranges":[{"events":[{}]}]}]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, version string) {
		db, err := ReadAdvisories(fstest.MapFS{"a.json": {Data: raw}})
		if err != nil {
			return
		}
		for _, id := range db.For(Package{"example.org/a", version}) {
			if id == "" {
				t.Error("an advisory without a name applies")
			}
		}
	})
}
