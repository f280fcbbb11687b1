package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the module that is tested, and root its
// directory.
const (
	module = "dagger/sensor-backend"
	root   = "../.."
)

// source is one Go file of the module.
type source struct {
	// file is its path from the module's root, dir the directory it lies in.
	file, dir string
	// imports are the import paths.
	imports []string
}

// generated are what the engine writes into a module before it builds it.
func generated(file string) bool {
	return file == "dagger.gen.go" || strings.HasPrefix(file, "internal/") && !strings.HasPrefix(file, "internal/layout/")
}

// sources lists the Go files of the module, without nested modules and without
// what the engine generates.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if entry.IsDir() {
			if file == "." {
				return nil
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" || generated(file) {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{file: file, dir: path.Dir(file)}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files found below %s", len(all), root)
	}
	return all
}

// within reports whether an import path is a package or lies below it.
func within(imported, pkg string) bool {
	return imported == pkg || strings.HasPrefix(imported, pkg+"/")
}

// TestGeneratedCode holds the module to the one generated package that every
// engine makes, internal/dagger, and to the root package for using it: the
// others come and go between versions, and a module that imports one that is
// not made does not load.
func TestGeneratedCode(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			switch {
			case !within(imported, module+"/internal"):
			case imported != module+"/internal/dagger":
				t.Errorf("%s imports %s, which not every engine generates", s.file, imported)
			case s.dir != ".":
				t.Errorf("%s imports %s: only the root package may, so that the rest is tested without an engine", s.file, imported)
			}
		}
	}
}
