package provenance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/provenance"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestCosignAgrees lets cosign itself, where there is one, verify what is
// attached to an image.
func TestCosignAgrees(t *testing.T) {
	t.Parallel()
	cosign, err := exec.LookPath("cosign")
	if err != nil {
		t.Skip("no cosign on PATH to compare with")
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "localhost", 1)
	repository := host + "/sensor-dev-api"
	img, err := random.Image(256, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(repository+":main", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	image := provenance.Artefact{Name: "API image", Digest: digest.String()}

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := provenance.ParseSigningKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil)
	if err != nil {
		t.Fatal(err)
	}
	said, err := provenance.Build{
		Artefacts: []provenance.Artefact{image, {Name: "processor zip", Digest: "sha256:" + strings.Repeat("2e", 32)}},
		Commit:    strings.Repeat("0a", 20), Branch: "main", Started: time.Now(), Finished: time.Now(),
	}.Statement()
	if err != nil {
		t.Fatal(err)
	}
	bill, err := provenance.Bill(image, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var all []ecr.Attestation
	for kind, statement := range map[string][]byte{provenance.ProvenanceType: said, provenance.CycloneDXType: bill} {
		envelope, err := provenance.Sign(t.Context(), statement, key)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ecr.Attestation{PredicateType: kind, Envelope: envelope})
	}
	of := ecr.Image{Repository: repository, Digest: digest.String(), Credentials: ecr.Credentials{User: "AWS", Password: "any", Endpoint: "http://" + host}}
	if err := ecr.Attach(t.Context(), of, all); err != nil {
		t.Fatal(err)
	}

	verify := func(public *ecdsa.PublicKey, kind string) (string, error) {
		raw, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "cosign.pub")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		run := exec.CommandContext(t.Context(), cosign, "verify-attestation", "--key="+file, "--type="+kind, "--insecure-ignore-tlog=true", "--allow-http-registry", repository+"@"+digest.String())
		out, err := run.CombinedOutput()
		return string(out), err
	}
	for _, kind := range []string{"slsaprovenance1", "cyclonedx"} {
		if out, err := verify(&private.PublicKey, kind); err != nil {
			t.Errorf("cosign refuses the %s: %v\n%s", kind, err, out)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := verify(&other.PublicKey, "slsaprovenance1"); err == nil {
		t.Errorf("cosign accepts another key\n%s", out)
	}
}
