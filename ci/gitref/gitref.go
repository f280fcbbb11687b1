// Package gitref reads which commit and branch a working tree stands on from
// the plain files of its .git directory, without running git.
package gitref

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"dagger/sensor-backend/text"
)

// Ref is a commit and, unless HEAD is detached, the branch it was taken from.
type Ref struct {
	// Commit is the full object name, 40 or 64 lower-case hex digits.
	Commit string
	// Branch is the name without refs/heads/, or empty.
	Branch string
}

var objectName = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// IsCommit reports whether a name is a full commit: 40 hex digits, or 64 in a
// repository that uses SHA-256.
func IsCommit(name string) bool { return objectName.MatchString(name) }

// CheckCommit refuses a name that is not a full commit.
func CheckCommit(name string) error {
	if !IsCommit(name) {
		return fmt.Errorf("commit %q: give the full 40 hex digits, as git rev-parse HEAD prints them", clip(name))
	}
	return nil
}

// Read resolves HEAD in dir, which holds the files of a .git directory: HEAD,
// refs, packed-refs (gitrepository-layout(5)). The error says which file did
// not hold what was expected; a tree without .git gives fs.ErrNotExist.
func Read(dir fs.FS) (Ref, error) {
	head, err := fs.ReadFile(dir, "HEAD")
	if err != nil {
		return Ref{}, fmt.Errorf("read HEAD: %w", err)
	}
	pointed := strings.TrimSpace(string(head))
	name, symbolic := strings.CutPrefix(pointed, "ref: ")
	if !symbolic {
		if !IsCommit(pointed) {
			return Ref{}, fmt.Errorf("read HEAD: %q is neither a reference nor a commit", clip(pointed))
		}
		return Ref{Commit: pointed}, nil
	}
	if !fs.ValidPath(name) {
		return Ref{}, fmt.Errorf("read HEAD: %q is not a valid reference", clip(name))
	}
	branch, found := strings.CutPrefix(name, "refs/heads/")
	if !found {
		return Ref{}, fmt.Errorf("read HEAD: %q is not a branch", clip(name))
	}
	if err := CheckBranch(branch); err != nil {
		return Ref{}, fmt.Errorf("read HEAD: %w", err)
	}
	commit, err := resolve(dir, name)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Commit: commit, Branch: branch}, nil
}

func resolve(dir fs.FS, name string) (string, error) {
	loose, err := fs.ReadFile(dir, name)
	if err == nil {
		commit := strings.TrimSpace(string(loose))
		if !IsCommit(commit) {
			return "", fmt.Errorf("read %s: %q is not a commit", clip(name), clip(commit))
		}
		return commit, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", clip(name), err)
	}
	packed, err := fs.ReadFile(dir, "packed-refs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read packed-refs: %w", err)
	}
	for line := range strings.Lines(string(packed)) {
		commit, ref, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && ref == name && IsCommit(commit) {
			return commit, nil
		}
	}
	return "", fmt.Errorf("resolve %s: no commit yet, commit once first", clip(name))
}

// mostShown is how many characters of a damaged file an error shows.
const mostShown = 80

func clip(s string) string { return text.Clip(s, mostShown) }
