package content

import (
	"crypto/sha1" //nolint:gosec // git names files by it; nothing is trusted because of it
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"dagger/sensor-backend/gitref"
)

//go:embed recipe.go
var recipeText []byte

// RecipeFile is where this package's recipes lie in the repository. They are part of
// each program's content: a commit with another toolchain is a new version.
const RecipeFile = "ci/gitref/content/recipe.go"

// unnamed begins the name of a content whose commit is not known.
const unnamed = "content-"

// short is how many digits of a commit or a hash a name has.
const short = 12

// Version is what a program says of itself.
type Version struct {
	// Name is what it shows as its version: the commit's first 12 digits, or
	// content-HEX with those of the hash where that commit is not known.
	Name string
	// Commit is the last commit that changed the content, in full. It is empty where
	// git cannot tell: in a shallow clone that ends behind it, or without a
	// repository. In a dirty tree it is the commit that the tree stands on.
	Commit string
	// Hash is that of the content, see Inputs.Hash.
	Hash string
	// Dirty is true if the content is not that of the commit being built.
	Dirty bool
}

// Unchanged says in words since when the content is the same; empty in a dirty tree,
// of which there is no history.
func (v Version) Unchanged() string {
	switch {
	case v.Dirty:
		return ""
	case v.Commit == "":
		return ", unchanged since the first deploy of " + v.Name
	}
	return ", unchanged since " + v.Commit
}

// History is what git printed of a repository.
type History struct {
	// Commit is what is being built.
	Commit string
	// Answer is what Inputs.Question printed; empty if git does not know the commit.
	Answer string
	// Ends are the lines of .git/shallow: the commits whose parents a shallow clone
	// does not have. git takes each of them for one that made every file.
	Ends string
}

// question lists the files of a commit, and names the last one up to it that changed
// some. Two NULs are between, as -z prints none.
const question = `git -c safe.directory=* ls-tree -r -z "$1" -- "$2" "$3"
printf '\0'
shift 3
git -c safe.directory=* log -1 --format=%H "$@"
`

// Question is the command that asks git, in the repository's root, about a commit. The
// module lies at prefix.
func (in Inputs) Question(prefix, commit string) []string {
	return slices.Concat(
		[]string{"sh", "-ec", question, "sh", commit, prefix, RecipeFile, commit, "--", ":(literal,top)" + RecipeFile},
		in.Pathspecs(prefix),
	)
}

// Version says which version a program of these inputs is. The module lies at prefix
// in the repository.
func (in Inputs) Version(module fs.FS, prefix string, recipe Recipe, h History) (Version, error) {
	sum, err := in.Hash(module, recipe)
	if err != nil {
		return Version{}, err
	}
	v := Version{Name: unnamed + sum[:short], Hash: sum}
	if h.Answer == "" {
		return v, nil
	}
	tree, last, ok := strings.Cut(h.Answer, "\x00\x00")
	if !ok {
		return v, nil // the commit holds neither
	}
	committed, err := ParseTree(tree)
	if err != nil {
		return Version{}, err
	}
	if v.Dirty, err = in.differ(module, prefix, committed); err != nil {
		return Version{}, err
	}
	if v.Dirty {
		v.Commit = h.Commit
		return v, nil
	}
	last = strings.TrimSpace(last)
	switch {
	case last == "":
		return v, nil
	case !gitref.IsCommit(last):
		return Version{}, fmt.Errorf("the last commit that changed %s is %.80q, which is none", recipe.Package, last)
	}
	for end := range strings.Lines(h.Ends) {
		if strings.TrimSpace(end) == last {
			return v, nil
		}
	}
	v.Name, v.Commit = last[:short], last
	return v, nil
}

// ParseTree reads what `git ls-tree -r -z` prints: the objects of files by their
// paths. An entry that is no file, as a submodule, is left out.
func ParseTree(printed string) (map[string]string, error) {
	files := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(printed, "\x00"), "\x00") {
		if entry == "" {
			continue
		}
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || name == "" || len(fields) != 3 || !gitref.IsCommit(fields[2]) {
			return nil, fmt.Errorf("git listed the file %.80q, want MODE TYPE OBJECT and its path", entry)
		}
		if fields[1] == "blob" {
			files[name] = fields[2]
		}
	}
	return files, nil
}

// differ reports whether the inputs are not those that are committed.
func (in Inputs) differ(module fs.FS, prefix string, committed map[string]string) (bool, error) {
	there := 0
	for name := range committed {
		if inside, ok := strings.CutPrefix(name, prefix+"/"); ok && in.Holds(inside) {
			there++
		}
	}
	if there != len(in.files) || committed[RecipeFile] != object(recipeText, committed[RecipeFile]) {
		return true, nil
	}
	for _, name := range in.files {
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return false, fmt.Errorf("compare %s with the commit: %w", name, err)
		}
		if want := committed[path.Join(prefix, name)]; want == "" || object(text, want) != want {
			return true, nil
		}
	}
	return false, nil
}

// object is the name that git gives a file's content, by the same hash function as
// another name (gitformat-pack(5), gitrepository-layout(5): blob SIZE NUL content).
func object(text []byte, like string) string {
	sum := sha256.New()
	if len(like) != hex.EncodedLen(sha256.Size) {
		sum = sha1.New() //nolint:gosec // as above
	}
	_, _ = fmt.Fprintf(sum, "blob %d\x00", len(text))
	_, _ = sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil))
}
