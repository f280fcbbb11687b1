package iam

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	c := Values{}
	c.Set("aws:PrincipalAccount", "123456789012")
	c.Set("aws:username", "*")
	c.Set("aws:TagKeys", "a", "b")
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true},
		{"*", "anything:at/all", true},
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"a*", "a", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbbcd", false},
		{"*c", "abc", true},
		{"a*b*c", "a1b2b3c", true},
		{"a*b*c", "a1c2b", false},
		{"**", "x", true},
		{"a**b", "ab", true},
		{"?", "a", true},
		{"?", "ü", true},
		{"?", "", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a??", "abc", true},
		{"*?", "", false},
		{"*?", "abc", true},
		{"*ü?", "aüb", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/in/x.csv", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b", false},
		{"arn:aws:s3:::b*", "arn:aws:s3:::b-other", true},
		{"arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:eu-central-1:1:subnet/*", true},
		{"arn:aws:kms:r:1:key/1", "arn:aws:kms:r:1:key/*", false},
		{"${*}", "*", true},
		{"${*}", "x", false},
		{"a${?}", "a?", true},
		{"${$}{x}", "${x}", true},
		{"${aws:PrincipalAccount}/*", "123456789012/x", true},
		{"${AWS:principalaccount}", "123456789012", true},
		{"${aws:username}", "*", true},
		{"${aws:username}", "other", false},
		{"${aws:TagKeys}", "a", false},
		{"${aws:userid}", "", false},
		{"${aws:userid, 'nobody'}", "nobody", true},
		{"${aws:PrincipalAccount, 'x'}", "x", false},
	} {
		p, err := compile(tt.pattern, true, true)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
		} else if got := p.matches(tt.text, c); got != tt.want {
			t.Errorf("%q matches %q: got %v", tt.pattern, tt.text, got)
		}
	}
	for _, bad := range []string{"${aws:username", "${no:such}", "${aws:username, x}", "a\x00"} {
		if _, err := compile(bad, true, true); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if p, err := compile("${aws:username}", false, true); err != nil || !p.matches("${aws:username}", c) {
		t.Errorf("an old version has no variables: %v", err)
	}
}

// FuzzGlob compares with a regular expression of the same meaning.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "a12bxc")
	f.Add("*?*", "ü")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := compile(text, false, true)
		if err != nil || len(text) > 100 || len(value) > 1000 || !utf8.ValidString(text) || !utf8.ValidString(value) {
			t.Skip("no pattern of a policy")
		}
		quoted := regexp.QuoteMeta(text)
		quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
		want := regexp.MustCompile(`^(?s:` + quoted + `)$`).MatchString(value)
		if got := p.matches(value, Values{}); got != want {
			t.Errorf("%q matches %q: got %v, want %v", text, value, got, want)
		}
	})
}
