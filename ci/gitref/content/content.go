// Package content says what a program is built from, and so when it has to be
// deployed: the files that the compiler reads for it, and its Recipe. A commit that
// changes neither gives the same program with the same version, byte for byte,
// whatever else it changes. The version is the last commit that changed the content.
//
// Nothing here runs git or the compiler: files are read from an fs.FS, and what git
// printed is given. Start at Find and Inputs.Version.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
)

// Hash is the SHA-256 of everything that decides on a program's bytes, in hex. Two
// programs with the same hash are the same.
func (in Inputs) Hash(module fs.FS, recipe Recipe) (string, error) {
	said, err := json.Marshal(recipe)
	if err != nil {
		return "", fmt.Errorf("hash the recipe of %s: %w", recipe.Package, err)
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "recipe %d\n%s\n", len(said), said)
	for _, name := range in.files {
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return "", fmt.Errorf("hash what %s is built from: %w", recipe.Package, err)
		}
		_, _ = fmt.Fprintf(sum, "file %q %d\n%s\n", name, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
