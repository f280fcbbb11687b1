package ecr

import "strings"

// LatestTag is the tag that names the newest image that passed its gate.
const LatestTag = "latest"

// RunningTag is the tag that names the image which was deployed last. It keeps
// the registry's lifecycle rules from expiring what runs.
const RunningTag = "running"

// maxTag is the longest tag (OCI Distribution Specification: a tag is at most
// 128 characters of [a-zA-Z0-9._-], and starts with none of . and -).
const maxTag = 128

// BranchTag is <branch>-<sha> in the characters that a tag may have. What a
// branch may hold and a tag may not becomes a hyphen: feature/x#1 at 0a1b2c3 is
// feature-x-1-0a1b2c3. With neither branch nor commit it is "unversioned".
func BranchTag(branch, sha string) string {
	sha = clean(sha)
	if len(sha) > 40 {
		sha = sha[:40]
	}
	branch = clean(branch)
	if room := maxTag - len(sha) - 1; len(branch) > room {
		branch = strings.TrimRight(branch[:room], "-.")
	}
	switch {
	case branch == "" && sha == "":
		return "unversioned"
	case branch == "":
		return sha
	case sha == "":
		return branch
	}
	return branch + "-" + sha
}

// clean replaces each run of characters that a tag may not have by one hyphen,
// and removes what a tag may not start or should not end with.
func clean(s string) string {
	var b strings.Builder
	hyphen := false
	for _, r := range s {
		ok := r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
		if ok {
			b.WriteRune(r)
		} else if !hyphen {
			b.WriteByte('-')
		}
		hyphen = !ok
	}
	return strings.Trim(b.String(), "-.")
}
