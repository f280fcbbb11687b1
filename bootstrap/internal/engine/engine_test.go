package engine

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sensor-backend/bootstrap/internal/runtest"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	content, err := Config("localhost:5000")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Registries map[string]struct {
			Mirrors []string `json:"mirrors"`
			HTTP    bool     `json:"http"`
		} `json:"registries"`
	}
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if m := got.Registries["docker.io"].Mirrors; len(m) != 1 || m[0] != "localhost:5000" || !got.Registries["localhost:5000"].HTTP {
		t.Errorf("config %s", content)
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	root, programs := t.TempDir(), t.TempDir()
	put(t, filepath.Join(programs, "init"), "init")
	put(t, filepath.Join(programs, "dnsname"), "dnsname")
	// The machine's own runc must stay.
	put(t, filepath.Join(root, "usr/local/bin/runc"), "mine")
	helpers := filepath.Join(t.TempDir(), "helpers")
	files := Files{Root: root, Programs: programs, Helpers: helpers, Content: "/cache/sdk-1", Config: []byte("{}"), Certificates: []byte("cert")}
	if err := Install(files); err != nil {
		t.Fatal(err)
	}
	// A second time, with another SDK, over what is there.
	files.Content = "/cache/sdk-2"
	if err := Install(files); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"usr/local/bin/runc":                                 "mine",
		"usr/local/bin/dagger-init":                          "init",
		"opt/cni/bin/dnsname":                                "dnsname",
		"etc/dagger/engine.json":                             "{}",
		"usr/local/share/ca-certificates/sensor-backend.crt": "cert",
	} {
		if content, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(content) != want {
			t.Errorf("%s: %q, %v; want %q", path, content, err, want)
		}
	}
	for path, want := range map[string]string{
		"usr/local/share/dagger/content": "/cache/sdk-2",
		"opt/cni/bin/bridge":             "/usr/lib/cni/bridge",
	} {
		if target, err := os.Readlink(filepath.Join(root, path)); err != nil || target != want {
			t.Errorf("%s -> %q, %v; want %q", path, target, err, want)
		}
	}
	for _, helper := range []string{"dnsmasq", "update-ca-certificates", "c_rehash"} {
		if info, err := os.Stat(filepath.Join(helpers, helper)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("helper %s: %v, %v", helper, info, err)
		}
	}
}

func TestInstallLeavesAForeignDirectoryAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "usr/local/share/dagger/content/blobs/x"), "theirs")
	err := Install(Files{Root: root, Programs: t.TempDir(), Helpers: t.TempDir(), Content: "/sdk"})
	if err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("Install = %v", err)
	}
}

func TestListener(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Listener(t.Context(), path); !errors.Is(err, ErrNobody) {
		t.Errorf("no socket: %v", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if pid, err := Listener(t.Context(), path); err != nil || pid != os.Getpid() {
		t.Errorf("Listener = %d, %v; want %d", pid, err, os.Getpid())
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]string{
		"dagger-engine github.com/dagger/dagger v0.19.10 \n": "v0.19.10",
		"nginx version: 1.2": "",
		"":                   "",
	} {
		ex := &runtest.Fake{Answers: map[string]runtest.Answer{"/proc/7/exe": {Stdout: out}}}
		got, err := VersionOf(t.Context(), ex, 7)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", out, got, err, want)
		}
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
