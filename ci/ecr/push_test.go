package ecr

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// registryServer is a registry in this process, which wants the password.
func registryServer(t *testing.T) (endpoint string) {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); !ok || password != "secret" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func imageTarball(t *testing.T) string {
	t.Helper()
	img, err := random.Image(256, 2)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag("api:x")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		t.Fatal(err)
	}
	return path
}

// prepared is a random image.
func prepared(t *testing.T) *Prepared {
	t.Helper()
	image, err := Prepare(imageTarball(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := image.Close(); err != nil {
			t.Error(err)
		}
	})
	return image
}

func head(t *testing.T, endpoint, reference string) string {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(u.Host+"/"+reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Head(ref, options(t.Context(), Credentials{User: "AWS", Password: "secret"}, nil)...)
	if err != nil {
		return ""
	}
	return d.Digest.String()
}

func TestPushThenRetag(t *testing.T) {
	t.Parallel()
	endpoint := registryServer(t)
	credentials := Credentials{User: "AWS", Password: "secret", Endpoint: endpoint}
	const repository = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/sensor-dev-api"
	req := PushRequest{Image: prepared(t), Repository: repository, Credentials: credentials, Tags: []string{"main-0a1b2c3"}}
	first, err := Push(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest != req.Image.Digest {
		t.Errorf("pushed as %s, prepared as %s", first.Digest, req.Image.Digest)
	}
	if first.Uploaded != 3 || first.Layers != 2 || first.Reference != repository+"@"+first.Digest {
		t.Errorf("first push: %+v", first)
	}
	second, err := Push(t.Context(), req)
	if err != nil || second.Digest != first.Digest || second.Uploaded != 0 || second.Sent != 0 {
		t.Errorf("the same image again: %+v, %v", second, err)
	}
	if head(t, endpoint, "sensor-dev-api:main-0a1b2c3") != first.Digest || head(t, endpoint, "sensor-dev-api:latest") != "" {
		t.Error("the push sets the tag it is given, and no other")
	}
	// Another commit that builds the same gets its tag, and nothing is sent.
	req.Tags = []string{"main-4d5e6f7"}
	third, err := Push(t.Context(), req)
	if err != nil || third.Digest != first.Digest || third.Sent != 0 {
		t.Errorf("the same image with another tag: %+v, %v", third, err)
	}
	for _, tag := range []string{"main-0a1b2c3", "main-4d5e6f7"} {
		if got := head(t, endpoint, "sensor-dev-api:"+tag); got != first.Digest {
			t.Errorf("%s names %s, want %s", tag, got, first.Digest)
		}
	}
	retag := RetagRequest{Repository: repository, Digest: first.Digest, Tag: LatestTag, Credentials: credentials}
	for range 2 {
		if err := Retag(t.Context(), retag); err != nil {
			t.Fatal(err)
		}
	}
	if head(t, endpoint, "sensor-dev-api:latest") != first.Digest {
		t.Error("latest does not name the image")
	}
	retag.Digest = "sha256:" + strings.Repeat("0", 64)
	if err := Retag(t.Context(), retag); err == nil || !strings.Contains(err.Error(), "tag image") {
		t.Errorf("error %v", err)
	}
	req.Credentials.Password = "other"
	if _, err := Push(t.Context(), req); err == nil || !strings.Contains(err.Error(), "push permission") || strings.Contains(err.Error(), "other") {
		t.Errorf("error %v", err)
	}
}

// TestPlainRegistryIsNotGreeted wants no attempt of TLS at a registry that was
// named without.
func TestPlainRegistryIsNotGreeted(t *testing.T) {
	t.Parallel()
	asked := &schemes{}
	_, err := Push(t.Context(), PushRequest{
		Image: prepared(t), Repository: "111111111111.dkr.ecr.eu-central-1.amazonaws.com/sensor-dev-api", Transport: asked,
		Credentials: Credentials{User: "AWS", Password: "secret", Endpoint: registryServer(t)},
	})
	if err != nil || asked.plain.Load() == 0 || asked.secure.Load() > 0 {
		t.Errorf("%d requests in the clear, %d with TLS, %v", asked.plain.Load(), asked.secure.Load(), err)
	}
}

// schemes counts requests.
type schemes struct{ plain, secure atomic.Int64 }

func (s *schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		s.secure.Add(1)
	} else {
		s.plain.Add(1)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestPushRefusesWhatIsNoImage(t *testing.T) {
	t.Parallel()
	_, err := Prepare(filepath.Join(t.TempDir(), "none.tar"))
	if err == nil || !strings.Contains(err.Error(), "none.tar") {
		t.Errorf("error %v", err)
	}
	if _, err := Push(t.Context(), PushRequest{Repository: "host/api:tag"}); err == nil || !strings.Contains(err.Error(), "tag or digest") {
		t.Errorf("error %v", err)
	}
}

func TestCredentialsNeverPrintThePassword(t *testing.T) {
	t.Parallel()
	c := Credentials{User: "AWS", Password: "secret", Endpoint: "https://x"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "secret") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
