package gitref

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHostileBranches has names that try to break out of where they are put.
// What git takes is taken as it is, and what git refuses is refused, wherever a
// name comes in.
func TestHostileBranches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		taken bool
	}{
		{"$(touch${IFS}pwned)", true},
		{"`id`", true},
		{`quote"and'quote`, true},
		{"a;b&&c|d>e<f#g", true},
		{"<script>alert(1)</script>", true},
		{"${{secrets.X}}", true},
		{"%0Aset-output", true},
		{"main\u202e\u200b", true},
		{strings.Repeat("a", 300), true},
		{strings.Repeat("é", 300), true},
		{"line\nbreak", false},
		{"carriage\rreturn", false},
		{"nul\x00", false},
		{"escape\x1b[31m", false},
		{"two words", false},
		{"--upload-pack=x", false},
		{"../../../etc/passwd", false},
		{"a/../b", false},
		{`back\slash`, false},
		{"no\xffUTF-8", false},
		{strings.Repeat("a", 2000), false},
	}
	for _, tt := range tests {
		parsed, parseErr := ParseName("refs/heads/" + tt.name)
		checkErr := CheckBranch(tt.name)
		read, readErr := Read(tree("HEAD", "ref: refs/heads/"+tt.name+"\n", "packed-refs", one+" refs/heads/"+tt.name+"\n"))
		for where, err := range map[string]error{"ParseName": parseErr, "CheckBranch": checkErr, "Read": readErr} {
			if (err == nil) != tt.taken {
				t.Errorf("%.40q: %s: %v", tt.name, where, err)
			}
			if err != nil && (len(err.Error()) > 400 || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b")) {
				t.Errorf("%.40q: %s: unfit error %q", tt.name, where, err)
			}
		}
		if tt.taken && (parsed.Short != tt.name || read.Branch != tt.name || read.Commit != one) {
			t.Errorf("%.40q: read as %+v and %+v", tt.name, parsed, read)
		}
	}
}
