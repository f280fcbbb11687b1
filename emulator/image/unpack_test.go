package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// entry is an entry of a layer: a file unless it says otherwise.
type entry struct {
	name, content string
	kind          byte
	link          string
	mode          int64
	uid           int
}

func dir(name string) entry           { return entry{name: name, kind: tar.TypeDir} }
func file(name, content string) entry { return entry{name: name, content: content} }
func symlink(name, target string) entry {
	return entry{name: name, kind: tar.TypeSymlink, link: target}
}
func hardlink(name, target string) entry {
	return entry{name: name, kind: tar.TypeLink, link: target}
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Uid: e.uid, Gid: e.uid}
		if h.Mode == 0 {
			h.Mode = 0o644
			if e.kind == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tree reads a directory: the content of files, the target of links, "/" for directories.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			found[name] = "/"
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			found[name] = "-> " + target
			return err
		default:
			content, err := os.ReadFile(path)
			found[name] = string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestApply(t *testing.T) {
	t.Parallel()
	lower := []entry{dir("d"), file("d/a", "1"), dir("d/sub"), file("d/sub/b", "2"), file("f", "3"), symlink("l", "d")}
	below := map[string]string{"d": "/", "d/a": "1", "d/sub": "/", "d/sub/b": "2", "f": "3", "l": "-> d"}
	with := func(changes map[string]string, without ...string) map[string]string {
		m := maps.Clone(below)
		maps.Copy(m, changes)
		for _, name := range without {
			delete(m, name)
		}
		return m
	}
	for _, c := range []struct {
		name  string
		upper []entry
		want  map[string]string
	}{
		{"nothing", nil, below},
		{"the root itself", []entry{dir("./"), dir("/")}, below},
		{"a file over a file", []entry{file("f", "new")}, with(map[string]string{"f": "new"})},
		{"a file over a directory", []entry{file("d", "new")}, with(map[string]string{"d": "new"}, "d/a", "d/sub", "d/sub/b")},
		{"a directory over a file", []entry{dir("f"), file("f/x", "new")}, with(map[string]string{"f": "/", "f/x": "new"})},
		{"a directory over a directory", []entry{dir("d")}, below},
		{"a directory over a link", []entry{dir("l"), file("l/x", "new")}, with(map[string]string{"l": "/", "l/x": "new"})},
		{"through a link", []entry{file("l/x", "new")}, with(map[string]string{"d/x": "new"})},
		{"a file without its directories", []entry{file("x/y/z", "new")}, with(map[string]string{"x": "/", "x/y": "/", "x/y/z": "new"})},
		{"leading dots", []entry{file("./g", "new"), file("/h", "new")}, with(map[string]string{"g": "new", "h": "new"})},
		{"a hard link", []entry{hardlink("g", "d/a")}, with(map[string]string{"g": "1"})},
		{"a hard link by absolute name", []entry{hardlink("g", "/d/a")}, with(map[string]string{"g": "1"})},
		{"a dangling link", []entry{symlink("g", "/nowhere")}, with(map[string]string{"g": "-> /nowhere"})},
		{"devices and pipes are left out", []entry{{name: "p", kind: tar.TypeFifo}, {name: "c", kind: tar.TypeChar}}, below},

		{"a whiteout of a file", []entry{file(".wh.f", "")}, with(nil, "f")},
		{"a whiteout of a directory", []entry{file(".wh.d", "")}, with(nil, "d", "d/a", "d/sub", "d/sub/b")},
		{"a whiteout below", []entry{file("d/.wh.a", "")}, with(nil, "d/a")},
		{"a whiteout of nothing", []entry{file(".wh.none", ""), file("no/.wh.thing", "")}, below},
		{"a whiteout of a link leaves its target", []entry{file(".wh.l", "")}, with(nil, "l")},
		{"a whiteout after the file of its layer", []entry{file("f", "new"), file(".wh.f", "")}, with(map[string]string{"f": "new"})},
		{"a whiteout before the file of its layer", []entry{file(".wh.f", ""), file("f", "new")}, with(map[string]string{"f": "new"})},
		{"a whiteout after the directory of its layer", []entry{file("d/n", "new"), file(".wh.d", "")}, with(map[string]string{"d/n": "new"}, "d/a", "d/sub", "d/sub/b")},
		{"opaque", []entry{dir("d"), file("d/.wh..wh..opq", ""), file("d/n", "new")}, with(map[string]string{"d/n": "new"}, "d/a", "d/sub", "d/sub/b")},
		{"opaque comes last", []entry{file("d/sub/n", "new"), file("d/.wh..wh..opq", "")}, with(map[string]string{"d/sub/n": "new"}, "d/a", "d/sub/b")},
		{"opaque root", []entry{file("n", "new"), file(".wh..wh..opq", "")}, map[string]string{"n": "new"}},
		{"opaque nothing", []entry{file("no/.wh..wh..opq", "")}, below},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, layer := range [][]entry{lower, c.upper} {
				if err := Apply(root, bytes.NewReader(archive(t, layer...))); err != nil {
					t.Fatal(err)
				}
			}
			if got := tree(t, root); !maps.Equal(got, c.want) {
				t.Errorf("got %v\nwant %v", got, c.want)
			}
		})
	}
}

// TestApplyStaysInside applies layers that try to reach out of their directory.
func TestApplyStaysInside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		entries []entry
		refused bool
	}{
		{"dots", []entry{file("../../outside/file", "x"), file("a/../../../outside/file", "x")}, false},
		{"an absolute link", []entry{symlink("l", "OUTSIDE"), file("l/file", "x")}, true},
		{"a relative link", []entry{symlink("l", "../outside"), file("l/file", "x")}, true},
		{"a link to a file", []entry{symlink("l", "../outside/file"), file("l", "x")}, false},
		{"a chain of links", []entry{symlink("a", "b"), symlink("b", ".."), file("a/outside/file", "x")}, true},
		{"a hard link", []entry{hardlink("h", "../outside/file")}, true},
		{"a hard link through a link", []entry{symlink("l", "../outside"), hardlink("h", "l/file")}, true},
		{"a whiteout through a link", []entry{symlink("l", "../outside"), file("l/.wh.file", "")}, true},
		{"an opaque link", []entry{symlink("l", "../outside"), file("l/.wh..wh..opq", "")}, false},
		{"a mode through a link", []entry{symlink("l", "../outside"), {name: "l", kind: tar.TypeDir, mode: 0o777}}, false},
		{"a whiteout of the parent", []entry{file("a/b/c", "x"), file("a/b/.wh...", "")}, true},
		{"a whiteout of dot", []entry{file("a/b", "x"), file("a/.wh..", "")}, true},
		{"a whiteout of nothing", []entry{file("a/b", "x"), file("a/.wh.", "")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			outside, root := guarded(t, base)
			for i := range c.entries {
				c.entries[i].link = strings.ReplaceAll(c.entries[i].link, "OUTSIDE", outside)
			}
			if err := Apply(root, bytes.NewReader(archive(t, c.entries...))); (err != nil) != c.refused {
				t.Errorf("got %v, want an error: %v", err, c.refused)
			}
			checkGuarded(t, outside)
		})
	}
}

// guarded makes a directory for an image, and one beside it that must stay as it is.
func guarded(t testing.TB, base string) (outside, root string) {
	t.Helper()
	outside, root = filepath.Join(base, "outside"), filepath.Join(base, "root")
	err := errors.Join(os.Mkdir(outside, 0o700), os.Mkdir(root, 0o755), os.WriteFile(filepath.Join(outside, "file"), []byte("kept"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return outside, root
}

func checkGuarded(t testing.TB, outside string) {
	t.Helper()
	if got := tree(t, outside); len(got) != 1 || got["file"] != "kept" {
		t.Errorf("outside there is %v", got)
	}
	info, err := os.Stat(outside)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("outside has the mode %v, %v", info.Mode(), err)
	}
	above, err := os.ReadDir(filepath.Dir(outside))
	if err != nil || len(above) != 2 {
		t.Errorf("beside it lie %v, %v", above, err)
	}
}

func TestModesAndOwners(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	uid := os.Getuid()
	if uid == 0 {
		uid = 65532
	}
	layer := archive(t,
		entry{name: "tmp", kind: tar.TypeDir, mode: 0o1777, uid: uid}, entry{name: "su", content: "x", mode: 0o4755, uid: uid},
		entry{name: "shut", kind: tar.TypeDir, mode: 0o700, uid: uid}, entry{name: "link", kind: tar.TypeSymlink, link: "su", uid: uid},
	)
	if err := Apply(root, bytes.NewReader(layer)); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"tmp": fs.ModeDir | fs.ModeSticky | 0o777, "su": fs.ModeSetuid | 0o755, "shut": fs.ModeDir | 0o700, "link": fs.ModeSymlink | 0o777,
	} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if info.Mode() != mode || !ok || int(stat.Uid) != uid {
			t.Errorf("%s has the mode %v and owner %d, want %v and %d", name, info.Mode(), stat.Uid, mode, uid)
		}
	}
}

func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	whole := archive(t, file("f", strings.Repeat("x", 2000)))
	if err := Apply(t.TempDir(), bytes.NewReader(whole[:1024])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file cut short: %v", err)
	}
	if err := Apply(t.TempDir(), strings.NewReader(strings.Repeat("no tar", 500))); !errors.Is(err, tar.ErrHeader) {
		t.Errorf("something else: %v", err)
	}
	if err := Apply(filepath.Join(t.TempDir(), "none"), bytes.NewReader(whole)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

func FuzzApply(f *testing.F) {
	f.Add(archive(f, dir("d"), file("d/f", "x"), symlink("l", "../outside"), file("l/file", "y")))
	f.Add(archive(f, hardlink("h", "../outside/file"), file("d/.wh..wh..opq", ""), file("../.wh.outside", "")))
	f.Fuzz(func(t *testing.T, layer []byte) {
		if sparse(layer) {
			t.Skip("a sparse file would fill the disk")
		}
		outside, root := guarded(t, t.TempDir())
		_ = Apply(root, bytes.NewReader(layer))
		checkGuarded(t, outside)
	})
}

// sparse says whether an archive promises more than it holds.
func sparse(raw []byte) bool {
	r := tar.NewReader(bytes.NewReader(raw))
	var sizes []int64
	for {
		h, err := r.Next()
		if err != nil {
			return slices.ContainsFunc(sizes, func(n int64) bool { return n > int64(len(raw)) })
		}
		sizes = append(sizes, h.Size)
	}
}
