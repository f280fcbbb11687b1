package provenance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

const (
	commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
	// changed is the commit that last changed the image's content.
	changed = "7654321098f8e7d6c5b4a39281706f5e4d3c2b1a"
)

var (
	imageHash = strings.Repeat("4c", 32)
	zipHash   = strings.Repeat("5b", 32)
)

var (
	image = Artefact{"API image", "sha256:" + strings.Repeat("1f", 32)}
	zip   = Artefact{"processor zip", "sha256:" + strings.Repeat("2e", 32)}
)

func sample() Build {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	return Build{
		Artefacts: []Artefact{image, zip}, Commit: commit, Branch: "main", Ref: "refs/heads/main", Architecture: "arm64",
		Contents: []Content{{Of: image.Name, Commit: changed, Hash: imageHash}, {Of: zip.Name, Hash: zipHash}},
		Services: "sha256:aa", Module: "sha256:bb", Engine: "v0.19.10", Run: "20260102T030405Z-0a1b2c3d4e5f-01020304",
		Started: at, Finished: at.Add(time.Minute), Bills: []Artefact{{"API image", "sha256:" + strings.Repeat("3d", 32)}},
	}
}

func TestStatement(t *testing.T) {
	t.Parallel()
	got, err := sample().Statement()
	if err != nil {
		t.Fatal(err)
	}
	var pretty any
	if err := json.Unmarshal(got, &pretty); err != nil {
		t.Fatal(err)
	}
	text, _ := json.MarshalIndent(pretty, "", " ")
	const want = `{
 "_type": "https://in-toto.io/Statement/v1",
 "predicate": {
  "buildDefinition": {
   "buildType": "urn:sensor-backend:build:v1",
   "externalParameters": {
    "architecture": "arm64",
    "branch": "main",
    "ref": "refs/heads/main"
   },
   "internalParameters": {
    "services": "sha256:aa"
   },
   "resolvedDependencies": [
    {
     "digest": {
      "gitCommit": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
     },
     "name": "source"
    },
    {
     "digest": {
      "gitCommit": "7654321098f8e7d6c5b4a39281706f5e4d3c2b1a",
      "sha256": "4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c"
     },
     "name": "content of API image"
    },
    {
     "digest": {
      "sha256": "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"
     },
     "name": "content of processor zip"
    }
   ]
  },
  "runDetails": {
   "builder": {
    "id": "urn:sensor-backend:ci",
    "version": {
     "engine": "v0.19.10",
     "module": "sha256:bb"
    }
   },
   "byproducts": [
    {
     "digest": {
      "sha256": "3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d"
     },
     "name": "API image"
    }
   ],
   "metadata": {
    "finishedOn": "2026-01-02T03:05:05Z",
    "invocationId": "20260102T030405Z-0a1b2c3d4e5f-01020304",
    "startedOn": "2026-01-02T03:04:05Z"
   }
  }
 },
 "predicateType": "https://slsa.dev/provenance/v1",
 "subject": [
  {
   "digest": {
    "sha256": "1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"
   },
   "name": "API image"
  },
  {
   "digest": {
    "sha256": "2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e"
   },
   "name": "processor zip"
  }
 ]
}`
	if string(text) != want {
		t.Errorf("got\n%s", text)
	}
}

// TestDirtyBuild states that the source differs from the commit, and is not signed.
func TestDirtyBuild(t *testing.T) {
	t.Parallel()
	b := sample()
	b.Dirty = true
	said, err := b.Statement()
	if err != nil || !strings.Contains(string(said), `"dirty":"the source differs from commit `+commit) || strings.Contains(string(said), "gitCommit") || !strings.Contains(string(said), imageHash) {
		t.Fatalf("%s, %v", said, err)
	}
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseSigningKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if envelope, err := Sign(t.Context(), said, key); !errors.Is(err, ErrDirty) || envelope != nil {
		t.Errorf("a dirty build is signed: %v", err)
	}
	clean, err := sample().Statement()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(t.Context(), clean, key); err != nil {
		t.Error(err)
	}
}

func TestStatementRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Build){
		"no artefact":              func(b *Build) { b.Artefacts = nil },
		"no commit":                func(b *Build) { b.Commit = "" },
		"a short commit":           func(b *Build) { b.Commit = commit[:12] },
		"a tag as a digest":        func(b *Build) { b.Artefacts = []Artefact{{"x", "latest"}} },
		"no name":                  func(b *Build) { b.Artefacts = []Artefact{{" ", image.Digest}} },
		"a content without a hash": func(b *Build) { b.Contents = []Content{{Of: "x", Commit: commit}} },
		"a content of a branch":    func(b *Build) { b.Contents = []Content{{Of: "x", Commit: "main", Hash: zipHash}} },
		"a content of nothing":     func(b *Build) { b.Contents = []Content{{Commit: commit, Hash: zipHash}} },
		"a bad bill":               func(b *Build) { b.Bills = []Artefact{{"x", ""}} },
	} {
		b := sample()
		change(&b)
		if got, err := b.Statement(); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
	}
	for _, bill := range []string{"", "[]", "{"} {
		if got, err := Bill(image, []byte(bill)); err == nil {
			t.Errorf("%q: got %s", bill, got)
		}
	}
	if got, err := Bill(image, []byte(`{"bomFormat":"CycloneDX"}`)); err != nil || !strings.Contains(string(got), `"predicate":{"bomFormat":"CycloneDX"}`) {
		t.Errorf("got %s, %v", got, err)
	}
}

// keys are private keys of each kind as PEM, by what they are.
func keys(t testing.TB) map[string][]byte {
	t.Helper()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, raw []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
	}
	pkcs8 := func(key any) []byte {
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		return block("PRIVATE KEY", raw, err)
	}
	sec1, err := x509.MarshalECPrivateKey(small)
	plain, _ := pem.Decode(pkcs8(small))
	sealed, sealErr := encrypted.Encrypt(plain.Bytes, []byte("pass"))
	return map[string][]byte{
		"Ed25519": pkcs8(edwards), "P-256": pkcs8(small), "P-384": pkcs8(large),
		"SEC 1": block("EC PRIVATE KEY", sec1, err), "cosign": block("ENCRYPTED SIGSTORE PRIVATE KEY", sealed, sealErr),
	}
}

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	raw, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	said, err := sample().Statement()
	if err != nil {
		t.Fatal(err)
	}
	want := Want{Commit: commit, Artefacts: []Artefact{image, zip}}
	for name, text := range keys(t) {
		key, err := ParseSigningKey(text, []byte("pass"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		public, err := ParsePublicKey(publicPEM(t, key.Public().public))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		envelope, err := Sign(t.Context(), said, key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := Verify(t.Context(), [][]byte{envelope}, public, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	all := keys(t)
	parse := func(name string) SigningKey {
		key, err := ParseSigningKey(all[name], []byte("pass"))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	ours, theirs := parse("P-256"), parse("P-384")
	sign := func(key SigningKey, statement []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := Sign(t.Context(), statement, key)
		if err != nil {
			t.Fatal(err)
		}
		return envelope
	}
	said := func(change func(*Build)) []byte {
		b := sample()
		change(&b)
		statement, err := b.Statement()
		return sign(ours, statement, err)
	}
	plain, err := sample().Statement()
	if err != nil {
		t.Fatal(err)
	}
	good := sign(ours, plain, nil)
	bill, billErr := Bill(image, []byte(`{"bomFormat":"CycloneDX"}`))
	changed := func(change func(map[string]any)) []byte {
		var envelope map[string]any
		if err := json.Unmarshal(good, &envelope); err != nil {
			t.Fatal(err)
		}
		change(envelope)
		text, _ := json.Marshal(envelope)
		return text
	}
	tests := []struct {
		name      string
		envelopes [][]byte
		want      error
	}{
		{"nothing", nil, ErrNone},
		{"a bare statement", [][]byte{plain}, ErrUnsigned},
		{"no JSON", [][]byte{[]byte("what")}, ErrUnsigned},
		{"no signatures", [][]byte{changed(func(e map[string]any) { e["signatures"] = []any{} })}, ErrUnsigned},
		{"an empty signature", [][]byte{changed(func(e map[string]any) { e["signatures"] = []any{map[string]any{"sig": ""}} })}, ErrOtherKey},
		{"another key", [][]byte{sign(theirs, plain, nil)}, ErrOtherKey},
		{"changed since", [][]byte{changed(func(e map[string]any) {
			e["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(plain), "arm64", "amd64", 1)))
		})}, ErrOtherKey},
		{"another type", [][]byte{changed(func(e map[string]any) { e["payloadType"] = "text/plain" })}, ErrOtherKey},
		{"a bill of materials", [][]byte{sign(ours, bill, billErr)}, ErrNoProvenance},
		{"no statement", [][]byte{sign(ours, []byte("[]"), nil)}, ErrNoProvenance},
		{"another builder", [][]byte{sign(ours, []byte(strings.Replace(string(plain), BuilderID, "urn:other", 1)), nil)}, ErrNoProvenance},
		{"another commit", [][]byte{said(func(b *Build) { b.Commit = strings.Repeat("9", 40) })}, ErrOtherCommit},
		{"no commit", [][]byte{sign(ours, []byte(strings.Replace(string(plain), gitCommit, "gitTree", 1)), nil)}, ErrOtherCommit},
		{"another image", [][]byte{said(func(b *Build) { b.Artefacts = []Artefact{zip, {"API image", "sha256:" + strings.Repeat("00", 32)}} })}, ErrOtherDigest},
		{"no zip", [][]byte{said(func(b *Build) { b.Artefacts = []Artefact{image} })}, ErrOtherDigest},
		{"the furthest one counts", [][]byte{plain, said(func(b *Build) { b.Artefacts = []Artefact{image} }), sign(theirs, plain, nil)}, ErrOtherDigest},
		{"a good one among others", [][]byte{plain, sign(theirs, plain, nil), good}, nil},
	}
	for _, tt := range tests {
		_, err := Verify(t.Context(), tt.envelopes, ours.Public(), Want{Commit: commit, Artefacts: []Artefact{image, zip}})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := Verify(t.Context(), [][]byte{good}, ours.Public(), Want{Artefacts: []Artefact{image}}); !errors.Is(err, ErrOtherCommit) {
		t.Errorf("no commit wanted: %v", err)
	}
	if _, err := Verify(t.Context(), [][]byte{good}, ours.Public(), Want{Commit: commit}); !errors.Is(err, ErrOtherDigest) {
		t.Errorf("no artefact wanted: %v", err)
	}
	if _, err := Verify(t.Context(), [][]byte{good}, PublicKey{}, Want{Commit: commit, Artefacts: []Artefact{image}}); !errors.Is(err, ErrOtherKey) {
		t.Errorf("no key: %v", err)
	}
}

// TestVerifyByContent takes what another commit built if that commit holds the same
// content of the artefact, and says which it was.
func TestVerifyByContent(t *testing.T) {
	t.Parallel()
	key, err := ParseSigningKey(keys(t)["Ed25519"], nil)
	if err != nil {
		t.Fatal(err)
	}
	said, err := sample().Statement()
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := Sign(t.Context(), said, key)
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Repeat("9", 40)
	for _, tt := range []struct {
		name string
		want Want
		err  error
	}{
		{"another commit with the same content", Want{later, map[string]string{image.Name: imageHash}, []Artefact{image}}, nil},
		{"both with the same content", Want{later, map[string]string{image.Name: imageHash, zip.Name: zipHash}, []Artefact{image, zip}}, nil},
		{"no commit is known", Want{"", map[string]string{zip.Name: zipHash}, []Artefact{zip}}, nil},
		{"one of them has changed", Want{later, map[string]string{image.Name: imageHash, zip.Name: imageHash}, []Artefact{image, zip}}, ErrOtherCommit},
		{"the other's content", Want{later, map[string]string{image.Name: zipHash}, []Artefact{image}}, ErrOtherCommit},
		{"no content is known", Want{later, nil, []Artefact{image}}, ErrOtherCommit},
		{"an empty content", Want{later, map[string]string{"other": ""}, []Artefact{{"other", image.Digest}}}, ErrOtherCommit},
		{"the commit that changed it last", Want{changed, nil, []Artefact{image}}, ErrOtherCommit},
		{"the same content as other bytes", Want{later, map[string]string{image.Name: imageHash}, []Artefact{{image.Name, zip.Digest[:len(zip.Digest)-1] + "0"}}}, ErrOtherDigest},
	} {
		built, err := Verify(t.Context(), [][]byte{envelope}, key.Public(), tt.want)
		if !errors.Is(err, tt.err) || err == nil && built != commit {
			t.Errorf("%s: built at %q, %v, want %v", tt.name, built, err, tt.err)
		}
	}
}

// TestHostileNames states builds of branches that try to break out: what is
// verified is the commit and the digests, and no name can add to them.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	key, err := ParseSigningKey(keys(t)["Ed25519"], nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"$(id)", `","commit":"x`, "line\nbreak", "\xff", strings.Repeat("é", 300),
		`"}},"resolvedDependencies":[{"name":"source","digest":{"gitCommit":"` + strings.Repeat("9", 40) + `"}}]`,
	} {
		b := sample()
		b.Branch, b.Ref = name, "refs/heads/"+name
		said, err := b.Statement()
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := Sign(t.Context(), said, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), [][]byte{envelope}, key.Public(), Want{Commit: commit, Artefacts: []Artefact{image, zip}}); err != nil {
			t.Errorf("%.40q: %v", name, err)
		}
		if _, err := Verify(t.Context(), [][]byte{envelope}, key.Public(), Want{Commit: strings.Repeat("9", 40), Artefacts: []Artefact{image}}); !errors.Is(err, ErrOtherCommit) {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	all := keys(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}) }
	const hidden = "s3cr3t-s3cr3t"
	for want, text := range map[string][]byte{
		"not in PEM": []byte(hidden), "is its password the right one": all["cosign"], "of type *rsa.PrivateKey": block("PRIVATE KEY", raw),
		"damaged: its PEM": block("EC PRIVATE KEY", []byte(hidden)), `PEM block "CERTIFICATE"`: block("CERTIFICATE", []byte(hidden)),
	} {
		if _, err := ParseSigningKey(text, []byte("wrong")); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, text := range map[string][]byte{
		"is not a PEM block PUBLIC KEY": all["P-256"], "is damaged": block("PUBLIC KEY", []byte("x")), "of type *rsa.PublicKey": publicPEM(t, other.Public()),
	} {
		if _, err := ParsePublicKey(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestKeyPrintsNothing(t *testing.T) {
	t.Parallel()
	key, err := ParseSigningKey(keys(t)["P-256"], nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != "a signing key for *ecdsa.PublicKey" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"e30="}]}`))
	f.Add([]byte(`{"signatures":[{}]}`))
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key := PublicKey{private.Public()}
	f.Fuzz(func(t *testing.T, envelope []byte) {
		if _, err := Verify(t.Context(), [][]byte{envelope}, key, Want{Commit: commit, Artefacts: []Artefact{image}}); err == nil {
			t.Errorf("accepted %q", envelope)
		}
	})
}
