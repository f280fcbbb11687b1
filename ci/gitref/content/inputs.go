package content

import (
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Inputs are the files of a module that one of its programs is built from: those of
// the packages that it imports, whatever system or architecture they are for, what
// those embed, and the module's list of other modules. Tests are not among them.
type Inputs struct {
	// files are all of them, sorted, by their paths from the module's root.
	files []string
	// packages are the directories whose Go files count, trees those of which all does.
	packages, trees []string
	// embedded are the patterns of go:embed, from the module's root.
	embedded []pattern
	// root is the program's own package.
	root string
}

// pattern is one of go:embed (package embed): hidden files below a directory that it
// matches count only with all.
type pattern struct {
	match string
	all   bool
}

const (
	moduleFile = "go.mod"
	sumsFile   = "go.sum"
	vendorTree = "vendor"
	// profileFile steers the compiler where it lies beside a program (go help build,
	// -pgo).
	profileFile = "default.pgo"
)

// compiled are the endings of what go build reads in a package's directory (package
// go/build, Package).
var compiled = []string{
	".go", ".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx",
	".m", ".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso",
}

// Find follows the imports of a program, by its directory in its module. It refuses a
// module that takes another one from outside of itself: what that holds cannot be
// seen here.
func Find(module fs.FS, program string) (Inputs, error) {
	in := Inputs{root: path.Clean(program)}
	name, err := in.readModule(module)
	if err != nil {
		return in, fmt.Errorf("find what %s is built from: %w", program, err)
	}
	in.packages = []string{in.root}
	for i := 0; i < len(in.packages); i++ {
		p, err := importDir(module, in.packages[i])
		if err != nil {
			return in, fmt.Errorf("find what %s is built from: %w", program, err)
		}
		for _, embed := range p.EmbedPatterns {
			rest, all := strings.CutPrefix(embed, "all:")
			in.embedded = append(in.embedded, pattern{match: path.Join(in.packages[i], rest), all: all})
		}
		for _, imported := range p.Imports {
			dir, own := strings.CutPrefix(imported, name+"/")
			if own && !slices.Contains(in.packages, dir) {
				in.packages = append(in.packages, dir)
			}
		}
	}
	slices.Sort(in.packages)
	err = fs.WalkDir(module, ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && in.Holds(file) {
			in.files = append(in.files, file)
		}
		return err
	})
	if err != nil {
		return in, fmt.Errorf("find what %s is built from: %w", program, err)
	}
	slices.Sort(in.files)
	return in, nil
}

// readModule reads the module's name, and notes the trees that stand for others.
func (in *Inputs) readModule(module fs.FS) (string, error) {
	text, err := fs.ReadFile(module, moduleFile)
	if err != nil {
		return "", err
	}
	file, err := modfile.Parse(moduleFile, text, nil)
	if err != nil {
		return "", err
	}
	if file.Module == nil {
		return "", errors.New("go.mod names no module")
	}
	for _, replaced := range file.Replace {
		if replaced.New.Version != "" {
			continue
		}
		tree := path.Clean(replaced.New.Path)
		if !fs.ValidPath(tree) || tree == "." {
			return "", fmt.Errorf("go.mod takes %s from %s, outside of the module: name a version", replaced.Old.Path, replaced.New.Path)
		}
		in.trees = append(in.trees, tree)
	}
	if there, err := fs.Stat(module, vendorTree); err == nil && there.IsDir() {
		in.trees = append(in.trees, vendorTree)
	}
	return file.Module.Mod.Path, nil
}

// importDir reads the imports and embeds of a package's files, whatever their build
// constraints.
func importDir(module fs.FS, dir string) (*build.Package, error) {
	files := build.Context{
		Compiler: "gc", UseAllFiles: true, CgoEnabled: true,
		JoinPath:  path.Join,
		IsAbsPath: path.IsAbs,
		HasSubdir: func(string, string) (string, bool) { return "", false },
		IsDir: func(name string) bool {
			info, err := fs.Stat(module, name)
			return err == nil && info.IsDir()
		},
		OpenFile: func(name string) (io.ReadCloser, error) { return module.Open(name) },
		ReadDir: func(name string) ([]fs.FileInfo, error) {
			entries, err := fs.ReadDir(module, name)
			infos := make([]fs.FileInfo, 0, len(entries))
			for _, entry := range entries {
				info, infoErr := entry.Info()
				if infoErr != nil {
					return nil, infoErr
				}
				infos = append(infos, info)
			}
			return infos, err
		},
	}
	p, err := files.ImportDir(dir, 0)
	// Files for other systems may belong to another package, as a generator does.
	var several *build.MultiplePackageError
	if err != nil && !errors.As(err, &several) {
		return nil, err
	}
	return p, nil
}

// Files are the inputs' paths from the module's root, sorted.
func (in Inputs) Files() []string { return slices.Clone(in.files) }

// Holds reports whether a file of the module, which need not be there any more, is one
// of the inputs.
func (in Inputs) Holds(file string) bool {
	dir, base := path.Split(file)
	dir = path.Clean(dir)
	switch {
	case file == moduleFile, file == sumsFile, dir == in.root && base == profileFile:
		return true
	case slices.ContainsFunc(in.trees, func(tree string) bool { return strings.HasPrefix(file, tree+"/") }):
		return true
	case slices.ContainsFunc(in.embedded, func(p pattern) bool { return p.holds(file) }):
		return true
	}
	return slices.Contains(in.packages, dir) && slices.Contains(compiled, path.Ext(base)) &&
		!strings.HasSuffix(base, "_test.go") && !hidden(base)
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// holds reports whether a file is embedded by the pattern: it matches the file or a
// directory above it.
func (p pattern) holds(file string) bool {
	for at := file; at != "."; at = path.Dir(at) {
		if matched, err := path.Match(p.match, at); err != nil || !matched {
			continue
		}
		below := strings.Split(strings.TrimPrefix(strings.TrimPrefix(file, at), "/"), "/")
		return p.all || !slices.ContainsFunc(below, hidden)
	}
	return false
}

// Pathspecs are the inputs for git, which lists with them the commits that changed
// one, be it by removing it; see gitglossary(7). The module lies at prefix in the
// repository.
func (in Inputs) Pathspecs(prefix string) []string {
	at := func(magic, name string) string { return ":(" + magic + ")" + path.Join(prefix, name) }
	list := make([]string, 0, 3+len(in.trees)+len(in.packages)*(len(compiled)+3)+2*len(in.embedded))
	list = append(list, at("literal,top", moduleFile), at("literal,top", sumsFile), at("literal,top", path.Join(in.root, profileFile)))
	for _, tree := range in.trees {
		list = append(list, at("literal,top", tree))
	}
	for _, dir := range in.packages {
		for _, ending := range compiled {
			list = append(list, at("glob,top", dir+"/*"+ending))
		}
		for _, not := range []string{"*_test.go", "_*", ".*"} {
			list = append(list, at("exclude,glob,top", dir+"/"+not))
		}
	}
	for _, p := range in.embedded {
		list = append(list, at("glob,top", p.match), at("glob,top", p.match+"/**"))
	}
	return list
}
