package registry

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"sensor-backend/bootstrap/internal/oci"
)

func serveOne(t *testing.T) (server *httptest.Server, digest string) {
	t.Helper()
	root := t.TempDir()
	tar := filepath.Join(t.TempDir(), "layer.tar")
	if err := oci.WriteTar(tar, []oci.Entry{{Path: "hello", Mode: 0o644, Content: []byte("world")}}); err != nil {
		t.Fatal(err)
	}
	layer, err := oci.OpenLayer(tar)
	if err != nil {
		t.Fatal(err)
	}
	config := v1.Config{Entrypoint: []string{"/hello"}, Env: []string{"A=b"}}
	digest, err = oci.Write(filepath.Join(root, "library", "thing", "1.0"), "arm64", config, []oci.Layer{layer})
	if err != nil {
		t.Fatal(err)
	}
	server = httptest.NewServer(Handler(root, 7))
	t.Cleanup(server.Close)
	return server, digest
}

// A client that nobody here wrote pulls and checks the whole image.
func TestPull(t *testing.T) {
	t.Parallel()
	server, digest := serveOne(t)
	base := strings.TrimPrefix(server.URL, "http://") + "/library/thing"
	for _, reference := range []string{base + ":1.0", base + "@" + digest} {
		ref, err := name.ParseReference(reference, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		image, err := remote.Image(ref, remote.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%s: layers %v, %v", reference, layers, err)
		}
		// The client checks the digest of what it reads.
		content, err := layers[0].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if read, err := io.ReadAll(content); err != nil || !bytes.Contains(read, []byte("world")) {
			t.Errorf("%s: layer of %d bytes, %v", reference, len(read), err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
		got, err := image.Digest()
		if err != nil || got.String() != digest {
			t.Errorf("%s: digest %s, %v; want %s", reference, got, err, digest)
		}
		config, err := image.ConfigFile()
		if err != nil || config.Architecture != "arm64" || config.Config.Entrypoint[0] != "/hello" {
			t.Errorf("%s: config %+v, %v", reference, config, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	server, digest := serveOne(t)
	for name, c := range map[string]struct {
		method, path string
		status       int
		body         string
	}{
		"base":                {"GET", "/v2/", http.StatusOK, ""},
		"unknown tag":         {"GET", "/v2/library/thing/manifests/2.0", http.StatusNotFound, "MANIFEST_UNKNOWN"},
		"unknown repository":  {"GET", "/v2/library/other/manifests/1.0", http.StatusNotFound, "MANIFEST_UNKNOWN"},
		"unknown blob":        {"GET", "/v2/library/thing/blobs/sha256:" + strings.Repeat("0", 64), http.StatusNotFound, "BLOB_UNKNOWN"},
		"blob as manifest":    {"GET", "/v2/library/thing/manifests/sha256:" + strings.Repeat("1", 64), http.StatusNotFound, "MANIFEST_UNKNOWN"},
		"head of a manifest":  {"HEAD", "/v2/library/thing/manifests/" + digest, http.StatusOK, ""},
		"push":                {"POST", "/v2/library/thing/blobs/uploads/", http.StatusMethodNotAllowed, "UNSUPPORTED"},
		"way out by name":     {"GET", "/v2/../../etc/manifests/passwd", http.StatusNotFound, ""},
		"way out by tag":      {"GET", "/v2/library/thing/manifests/..", http.StatusNotFound, ""},
		"way out, escaped":    {"GET", "/v2/library/thing/manifests/%2e%2e%2f1.0", http.StatusNotFound, ""},
		"not of the protocol": {"GET", "/", http.StatusNotFound, "NAME_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, bytes.NewReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status || !strings.Contains(string(body), c.body) {
				t.Errorf("%d %s, want %d with %q", response.StatusCode, body, c.status, c.body)
			}
			if response.Header.Get(Header) != "7" {
				t.Error("the answer does not say whose it is")
			}
		})
	}
}

func FuzzPath(f *testing.F) {
	root := f.TempDir()
	handler := Handler(root, 7)
	f.Add("/v2/a/manifests/b")
	f.Add("/v2/../x/blobs/sha256:0")
	f.Fuzz(func(t *testing.T, path string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.URL.Path = path
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code == http.StatusInternalServerError {
			t.Errorf("%q: %s", path, answer.Body)
		}
	})
}
