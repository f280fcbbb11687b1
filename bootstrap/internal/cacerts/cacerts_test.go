package cacerts

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func cert(name string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(name)})
}

func TestExtra(t *testing.T) {
	t.Parallel()
	bundle := slices.Concat(cert("public"), []byte("# a comment\n"), cert("ours"), cert("ours"), cert("local"),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("no")}))
	if got := Extra(bundle, cert("public"), cert("local")); string(got) != string(cert("ours")) {
		t.Errorf("Extra = %s", got)
	}
	if got := Extra(cert("public"), cert("public")); len(got) != 0 {
		t.Errorf("nothing extra, but got %s", got)
	}
}

func FuzzExtra(f *testing.F) {
	f.Add(cert("a"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		once := Extra(bundle)
		if again := Extra(once); string(again) != string(once) {
			t.Error("reading what was written gives something else")
		}
		if rest := Extra(bundle, once); len(rest) != 0 {
			t.Error("known certificates are extra")
		}
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for path, content := range map[string][]byte{
		"usr/share/ca-certificates/mozilla/a.crt":  cert("public"),
		"usr/local/share/ca-certificates/mine.crt": cert("local"),
		"usr/local/share/ca-certificates/ours.crt": cert("extra"),
		"bundle.pem": slices.Concat(cert("public"), cert("local"), cert("extra")),
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Find(root, filepath.Join(root, "bundle.pem"), "ours.crt")
	if err != nil || string(got) != string(cert("extra")) {
		t.Errorf("Find = %s, %v", got, err)
	}
	if _, err := Find(root, filepath.Join(root, "none"), ""); err == nil {
		t.Error("a bundle that does not exist is not an error")
	}
}
