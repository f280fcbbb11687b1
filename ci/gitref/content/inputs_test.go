package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// services is the module of the programs that are delivered.
const services = "../../../services"

func find(t *testing.T, dir string, recipe Recipe) Inputs {
	t.Helper()
	in, err := Find(os.DirFS(dir), recipe.Package)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// needServices skips a test where the repository's other modules are not at hand.
func needServices(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(services, moduleFile)); err != nil {
		t.Skip("the services' source is not beside the pipeline's")
	}
}

// TestFindAgreesWithGo compares with what the compiler reads, as go list says.
func TestFindAgreesWithGo(t *testing.T) {
	t.Parallel()
	needServices(t)
	for _, recipe := range []Recipe{API("arm64"), Processor("amd64")} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,Module,GoFiles,SFiles,HFiles,EmbedFiles", "./"+recipe.Package)
		list.Dir = services
		list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		for _, v := range recipe.Variables() {
			list.Env = append(list.Env, v[0]+"="+v[1])
		}
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, list.String())
		}
		root, err := filepath.Abs(services)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"go.mod", "go.sum"}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir                                 string
				Module                              *struct{ Main bool }
				GoFiles, SFiles, HFiles, EmbedFiles []string
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module == nil || !p.Module.Main {
				continue
			}
			for _, name := range slices.Concat(p.GoFiles, p.SFiles, p.HFiles, p.EmbedFiles) {
				file, err := filepath.Rel(root, filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, filepath.ToSlash(file))
			}
		}
		slices.Sort(want)
		if got := find(t, services, recipe).Files(); !slices.Equal(got, want) {
			t.Errorf("%s: found\n%s\nand go reads\n%s", recipe.Package, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sample is a module with everything that may decide on a program.
func sample() fstest.MapFS {
	files := map[string]string{
		"go.mod":                      "module example.com/m\n\ngo 1.26.0\n\nrequire example.com/other v1.0.0\n",
		"go.sum":                      "example.com/other v1.0.0 h1:a\n",
		"README.md":                   "about\n",
		"cmd/one/main.go":             "package main\n\nimport _ \"example.com/m/internal/a\"\n\nfunc main() {}\n",
		"cmd/one/main_test.go":        "package main\n\nimport _ \"example.com/m/internal/tested\"\n",
		"cmd/one/default.pgo":         "profile",
		"cmd/one/notes.txt":           "notes",
		"cmd/two/main.go":             "package main\n\nimport _ \"example.com/m/internal/c\"\n\nfunc main() {}\n",
		"internal/a/a.go":             "package a\n\nimport (\n\t_ \"embed\"\n\n\t_ \"example.com/m/internal/b\"\n\t_ \"example.com/other\"\n)\n\n//go:embed page all:raw *.json\nvar _ string\n",
		"internal/a/a.json":           "{}",
		"internal/a/page/index.html":  "<p>",
		"internal/a/page/deep/x.css":  "p{}",
		"internal/a/page/.hidden":     "x",
		"internal/a/raw/.hidden":      "x",
		"internal/a/other/y.json":     "{}",
		"internal/a/gen.go":           "//go:build ignore\n\npackage main\n\nimport _ \"example.com/m/internal/gen\"\n",
		"internal/a/a_windows.go":     "package a\n\nimport _ \"example.com/m/internal/windows\"\n",
		"internal/b/b.go":             "package b\n",
		"internal/b/_draft.go":        "package draft\n",
		"internal/b/asm_arm64.s":      "TEXT",
		"internal/b/testdata/data.go": "package data\n",
		"internal/c/c.go":             "package c\n",
		"internal/gen/gen.go":         "package gen\n",
		"internal/windows/windows.go": "package windows\n",
		"internal/tested/tested.go":   "package tested\n",
		"docs/page.png":               "png",
	}
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestFind(t *testing.T) {
	t.Parallel()
	in, err := Find(sample(), "cmd/one")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cmd/one/default.pgo", "cmd/one/main.go", "go.mod", "go.sum",
		"internal/a/a.go", "internal/a/a.json", "internal/a/a_windows.go", "internal/a/gen.go",
		"internal/a/page/deep/x.css", "internal/a/page/index.html", "internal/a/raw/.hidden",
		"internal/b/asm_arm64.s", "internal/b/b.go", "internal/gen/gen.go", "internal/windows/windows.go",
	}
	if got := in.Files(); !slices.Equal(got, want) {
		t.Errorf("found %q\nwant %q", got, want)
	}
}

func TestFindTakesWholeTrees(t *testing.T) {
	t.Parallel()
	m := sample()
	m["go.mod"].Data = append(m["go.mod"].Data, "replace example.com/other => ./third\n"...)
	for _, name := range []string{"third/other.go", "third/LICENSE", "vendor/modules.txt", "vendor/x/x_test.go"} {
		m[name] = &fstest.MapFile{Data: []byte("package x\n")}
	}
	in, err := Find(m, "cmd/two")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cmd/two/main.go", "go.mod", "go.sum", "internal/c/c.go", "third/LICENSE", "third/other.go", "vendor/modules.txt", "vendor/x/x_test.go"}
	if got := in.Files(); !slices.Equal(got, want) {
		t.Errorf("found %q\nwant %q", got, want)
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(fstest.MapFS){
		"outside of the module: name a version": func(m fstest.MapFS) {
			m["go.mod"].Data = append(m["go.mod"].Data, "replace example.com/other => ../other\n"...)
		},
		"names no module":              func(m fstest.MapFS) { m["go.mod"].Data = []byte("go 1.26.0\n") },
		"go.mod: file does not exist":  func(m fstest.MapFS) { delete(m, "go.mod") },
		"no buildable Go source files": func(m fstest.MapFS) { delete(m, "internal/b/b.go"); delete(m, "internal/b/_draft.go") },
		"expected 'package'":           func(m fstest.MapFS) { m["internal/b/b.go"].Data = []byte("what") },
	} {
		m := sample()
		change(m)
		if in, err := Find(m, "cmd/one"); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("want %q, got %v and %q", want, err, in.Files())
		}
	}
}
