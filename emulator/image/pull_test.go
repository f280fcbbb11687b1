package image

import (
	"io"
	"log"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"sensor-backend/emulator/internal/testimage"
)

const own = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

func TestAddress(t *testing.T) {
	t.Parallel()
	p := Puller{Registry: "localhost:5000"}
	for reference, want := range map[string]string{
		own + "/api@sha256:0": "localhost:5000/api@sha256:0",
		own + "/team/api:v1":  "localhost:5000/team/api:v1",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/api": "localhost:5000/api",
		"postgres:17":                    "postgres:17",
		"example.com/" + own + "/api":    "example.com/" + own + "/api",
		own + ".example.com/api":         own + ".example.com/api",
		"12.dkr.ecr.x.amazonaws.com/api": "12.dkr.ecr.x.amazonaws.com/api",
		"localhost:5000/api":             "localhost:5000/api",
		"":                               "",
		own:                              own,
	} {
		address, isOwn := p.Address(reference)
		if address != want || isOwn != (want != reference) {
			t.Errorf("%q gave %q, own %v; want %q", reference, address, isOwn, want)
		}
	}
}

// serve starts a registry with images, and gives a Puller of it.
func serve(t *testing.T, images map[string]v1.Image) Puller {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for reference, image := range images {
		ref, err := name.ParseReference(host+"/"+reference, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
	}
	return Puller{Registry: host}
}

func build(t *testing.T, architecture string, layers ...v1.Layer) v1.Image {
	t.Helper()
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", architecture, v1.Config{Entrypoint: []string{"/api"}}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestResolveAndUnpack(t *testing.T) {
	t.Parallel()
	image := build(t, runtime.GOARCH,
		testimage.Layer(t, testimage.File{Name: "api", Mode: 0o755, Content: []byte("old")}, testimage.File{Name: "gone", Mode: 0o644}),
		testimage.Layer(t, testimage.File{Name: "api", Mode: 0o755, Content: []byte("new")}, testimage.File{Name: ".wh.gone", Mode: 0o644}),
	)
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	p := serve(t, map[string]v1.Image{"api:v1": image})
	for _, reference := range []string{own + "/api:v1", own + "/api@" + digest.String()} {
		found, err := p.Resolve(t.Context(), reference)
		if err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		if err := found.Unpack(root); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, root); len(got) != 1 || got["api"] != "new" {
			t.Errorf("%s unpacks to %v", reference, got)
		}
		if found.Digest != digest.String() || found.Config.Entrypoint[0] != "/api" {
			t.Errorf("%s is %s, started by %v", reference, found.Digest, found.Config.Entrypoint)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	p := serve(t, map[string]v1.Image{"other:v1": build(t, "s390x")})
	for reference, want := range map[string]string{
		own + "/api:v1":   "failed to resolve ref " + own + "/api:v1",
		own + "/other:v1": "is for linux/s390x and does not match platform 'linux/" + runtime.GOARCH + "'",
		own + "/API:v1":   "invalid reference",
	} {
		if _, err := p.Resolve(t.Context(), reference); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", reference, err, want)
		}
	}
}
