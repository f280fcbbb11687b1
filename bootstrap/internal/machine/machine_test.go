package machine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sensor-backend/bootstrap/internal/aptsrc"
	"sensor-backend/bootstrap/internal/runtest"
)

func TestLook(t *testing.T) {
	root := newRoot(t, "deb http://mirror.example/debian bookworm main\n")
	path := t.TempDir()
	put(t, filepath.Join(path, "terraform"), "#!/bin/sh\n", 0o700)
	t.Setenv("PATH", path)
	m, err := Look(t.Context(), fake(), root)
	if err != nil {
		t.Fatal(err)
	}
	if m.Codename != "bookworm" || m.Go.Version != "go1.26.8" || len(m.Settings) != 1 {
		t.Errorf("machine %+v", m)
	}
	if filepath.Base(m.Terraform) != "terraform" || !strings.HasPrefix(m.TerraformID, "10 ") {
		t.Errorf("terraform %q %q", m.Terraform, m.TerraformID)
	}
}

func TestLookWithoutTerraform(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	m, err := Look(t.Context(), fake(), newRoot(t, "deb http://mirror.example/debian bookworm main\n"))
	if err != nil || m.Terraform != "" {
		t.Errorf("terraform %q, %v", m.Terraform, err)
	}
}

func TestLookNeedsDebian(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Look(t.Context(), fake(), newRoot(t, "deb http://mirror.example/other noble main\n")); !errors.Is(err, aptsrc.ErrNoDebian) {
		t.Errorf("Look = %v, want ErrNoDebian", err)
	}
}

func TestGoModule(t *testing.T) {
	t.Parallel()
	ex := &runtest.Fake{Answers: map[string]runtest.Answer{"go": {Stdout: "/src/bootstrap\n"}}}
	if dir, err := GoModule(t.Context(), ex); err != nil || dir != "/src/bootstrap" {
		t.Errorf("GoModule = %q, %v", dir, err)
	}
	if _, err := GoModule(t.Context(), &runtest.Fake{}); err == nil || !strings.Contains(err.Error(), "inside the repository") {
		t.Errorf("GoModule outside = %v", err)
	}
}

func fake() *runtest.Fake {
	return &runtest.Fake{Answers: map[string]runtest.Answer{
		"go env -json GOVERSION GOROOT GOHOSTARCH": {Stdout: `{"GOVERSION":"go1.26.8"}`},
		"go":         {Stdout: `{}`},
		"apt-config": {Stdout: "Acquire::Check-Date \"false\";\nAPT \"\";\n"},
	}}
}

func newRoot(t *testing.T, sources string) string {
	t.Helper()
	root := t.TempDir()
	put(t, filepath.Join(root, "etc/os-release"), "VERSION_CODENAME=bookworm\n", 0o600)
	put(t, filepath.Join(root, "etc/apt/sources.list"), sources, 0o600)
	return root
}

func put(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
