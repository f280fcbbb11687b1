package gitref

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Kind says what a full reference names.
type Kind string

// The kinds that GitHub hands to a workflow as GITHUB_REF.
const (
	// Branch is refs/heads/NAME.
	Branch Kind = "branch"
	// Tag is refs/tags/NAME.
	Tag Kind = "tag"
	// Pull is refs/pull/NUMBER/merge, a pull request merged into its base.
	Pull Kind = "pull request"
)

// Name is a full reference taken apart.
type Name struct {
	Kind Kind
	// Short is the branch's or the tag's name, or the pull request's number.
	Short string
}

// maxName is longer than what git servers take; a longer one is not a name.
const maxName = 1024

var pullForm = regexp.MustCompile(`^refs/pull/([1-9][0-9]{0,18})/(?:merge|head)$`)

// ParseName reads a full reference: refs/heads/NAME, refs/tags/NAME or
// refs/pull/NUMBER/merge. It takes what git-check-ref-format(1) takes, which
// includes quotes, dollar signs and parentheses: the name is data, to be quoted
// wherever it goes. Errors quote it clipped, without control characters.
func ParseName(ref string) (Name, error) {
	if ref == "" {
		return Name{}, fmt.Errorf("the reference is empty: give refs/heads/BRANCH, refs/tags/TAG or refs/pull/NUMBER/merge")
	}
	if m := pullForm.FindStringSubmatch(ref); m != nil {
		return Name{Pull, m[1]}, nil
	}
	name := Name{Kind: Branch}
	short, found := strings.CutPrefix(ref, "refs/heads/")
	if !found {
		name.Kind = Tag
		short, found = strings.CutPrefix(ref, "refs/tags/")
	}
	if !found {
		return Name{}, fmt.Errorf("reference %q: give the full name, refs/heads/BRANCH, refs/tags/TAG or refs/pull/NUMBER/merge", clip(ref))
	}
	if why := malformed(short); why != "" {
		return Name{}, fmt.Errorf("reference %q is none that git takes: %s", clip(ref), why)
	}
	name.Short = short
	return name, nil
}

// CheckBranch refuses a branch's name, without refs/heads/, that git does not
// take.
func CheckBranch(name string) error {
	if why := malformed(name); why != "" {
		return fmt.Errorf("branch %q is none that git takes: %s", clip(name), why)
	}
	return nil
}

// malformed says which rule of git-check-ref-format(1) a short name breaks.
func malformed(name string) string {
	switch {
	case name == "":
		return "its name is empty"
	case len(name) > maxName:
		return fmt.Sprintf("its name has %d bytes, more than %d", len(name), maxName)
	case !utf8.ValidString(name):
		return "its name is not UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "its name holds a control character"
	case strings.ContainsAny(name, " ~^:?*[\\"):
		return `its name holds a space or one of ~ ^ : ? * [ \`
	case strings.Contains(name, ".."), strings.Contains(name, "@{"), strings.Contains(name, "//"):
		return "its name holds .., @{ or //"
	case name[0] == '-', name[0] == '/', strings.HasSuffix(name, "/"), strings.HasSuffix(name, "."):
		return "its name begins with - or /, or ends with / or ."
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return "a part of its name begins with . or ends with .lock"
		}
	}
	return ""
}
