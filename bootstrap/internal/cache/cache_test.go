package cache

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceDirectory(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	for _, content := range []string{"one", "two"} {
		tmp, err := dir.Temp("made")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tmp, "file"), content)
		if err := dir.Replace(tmp, dir.Path("images", "deep", "made")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, dir.Path("images", "deep", "made", "file")); got != content {
			t.Errorf("content = %q, want %q", got, content)
		}
	}
	if left := entries(t, dir.Path("tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteFileKeepsModeAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	path := dir.Path("bin", "program")
	for range 2 {
		if err := dir.WriteFile(path, []byte("x"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("stat = %v, %v", info, err)
	}
	if left := entries(t, dir.Path("tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCleanRemovesLeftoversOnly(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	write(t, dir.Path("tmp", "half"), "x")
	write(t, dir.Path("bin", "whole"), "x")
	if err := dir.Clean(); err != nil {
		t.Fatal(err)
	}
	if len(entries(t, dir.Path("tmp"))) != 0 || len(entries(t, dir.Bin())) != 1 {
		t.Error("clean removed too little or too much")
	}
}

func TestDefaultIsOutsideTheClone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/var/big")
	got, err := Default()
	if err != nil || got != "/var/big/sensor-backend" {
		t.Errorf("Default = %s, %v", got, err)
	}
}

func newDir(t *testing.T) Dir {
	t.Helper()
	dir := Dir(t.TempDir())
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
