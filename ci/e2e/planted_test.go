//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// planted are secrets that a run is given: addresses and tokens of a receiver that
// repeats in its error whatever it was sent, and a key pair.
type planted struct {
	// env sets them, args name them.
	env, args []string
	// values are what no report may show, by name.
	values map[string]string
}

func plant(t *testing.T) planted {
	t.Helper()
	private, public := keyPair(t)
	_, stranger := keyPair(t)
	p := planted{values: map[string]string{"webhook": "T0/B0/" + rand.Text(), "token": "ghp_" + rand.Text() + rand.Text()[:10]}}
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, "no: %s %s %s", r.URL, r.Header, body)
	}))
	// The pipeline runs in containers, which reach this machine by its address.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(outerAddress(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	receiver.Listener = listener
	receiver.Start()
	t.Cleanup(receiver.Close)
	p.env = []string{
		"E2E_WEBHOOK=" + receiver.URL + "/services/" + p.values["webhook"], "E2E_TOKEN=" + p.values["token"],
		"E2E_KEY=" + private, "E2E_PUBLIC_KEY=" + public, "E2E_STRANGER=" + stranger,
	}
	p.args = []string{
		"--webhook=env://E2E_WEBHOOK", "--github-token=env://E2E_TOKEN", "--github-repository=example/sensor-backend",
		"--github-api=" + receiver.URL, "--signing-key=env://E2E_KEY",
	}
	return p
}

// keyPair is a new key pair in PEM; the private one in the form in which they
// leak.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open}))
}

// outerAddress is an address of this machine that is not loopback.
func outerAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if one, ok := address.(*net.IPNet); ok && one.IP.To4() != nil && one.IP.IsGlobalUnicast() {
			return one.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback")
	return ""
}

// dagger runs a call with the secrets at hand, and wants none in its report.
func (p planted) dagger(t *testing.T, w world, args ...string) result {
	t.Helper()
	r := dagger(t, p.env, append(append([]string{}, w.args...), args...)...)
	for name, value := range p.values {
		if strings.Contains(r.stdout, value) {
			t.Errorf("the report shows the %s:\n%s", name, tail(r.stdout))
		}
	}
	return r
}
