package ecr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Repository is an ECR repository's address as Terraform and task definitions
// write it: <account>.dkr.ecr.<region>.amazonaws.com/<name>.
type Repository struct {
	// Host is the registry's host name.
	Host string
	// Name is the repository's name, which may hold slashes.
	Name string
}

// Amazon ECR's rule for names (API type CreateRepositoryRequest, member
// repositoryName): lower-case words of 2 to 256 characters in all.
var (
	hostForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$`)
	nameForm = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	hashForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// ParseRepository reads a repository's address. A tag or a digest behind it is
// an error: the caller must not believe that it had a say.
func ParseRepository(s string) (Repository, error) {
	host, name, ok := strings.Cut(s, "/")
	switch {
	case s == "":
		return Repository{}, errors.New("repository address is empty; run apply first, it makes the repository")
	case !ok || !hostForm.MatchString(host):
		return Repository{}, fmt.Errorf("repository address %q has no registry host; want HOST/NAME", s)
	case strings.ContainsAny(name, "@:"):
		return Repository{}, fmt.Errorf("repository address %q carries a tag or digest; want HOST/NAME alone", s)
	case len(name) < 2 || len(name) > 256 || !nameForm.MatchString(name):
		return Repository{}, fmt.Errorf("repository address %q: %q is not a repository name (lower-case letters, digits, . _ - /)", s, name)
	}
	return Repository{Host: host, Name: name}, nil
}

// String is HOST/NAME.
func (r Repository) String() string { return r.Host + "/" + r.Name }

// WithDigest is the reference of one image, HOST/NAME@sha256:...: what goes
// into a task definition.
func (r Repository) WithDigest(digest string) (string, error) {
	if !hashForm.MatchString(digest) {
		return "", fmt.Errorf("image digest %q is not sha256: and 64 hexadecimal digits", digest)
	}
	return r.String() + "@" + digest, nil
}
