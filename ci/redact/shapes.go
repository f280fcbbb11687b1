package redact

import (
	"regexp"
	"strings"
)

// shape is a form by which a credential is known without knowing it.
type shape struct {
	form *regexp.Regexp
	// mask is what replaces a match; $1 is what introduces the credential.
	mask string
	// digit tells that only a match with a digit is one: words have none.
	digit bool
}

// The shapes are documented by those who issue the credentials: AWS ("IAM
// identifiers"), GitHub ("Behind GitHub's new authentication token formats"),
// Slack ("Token types", "Incoming webhooks"), RFC 6750 for bearer tokens, RFC
// 7519 for JWTs, RFC 7468 for keys and RFC 3986 for passwords in addresses.
var shapes = []shape{
	{form: regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\z)`), mask: Mask},
	{form: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`), mask: Mask},
	{form: regexp.MustCompile(`(?i)((?:secret_?access_?key|session_?token)["']?\s*[:=]\s*["']?)[A-Za-z0-9/+=]{16,}`), mask: "${1}" + Mask},
	{form: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})`), mask: Mask},
	{form: regexp.MustCompile(`\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}`), mask: Mask},
	{form: regexp.MustCompile(`(?i)(hooks\.slack(?:-gov)?\.com/)[A-Za-z0-9/_-]{8,}`), mask: "${1}" + Mask},
	{form: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), mask: Mask},
	{form: regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*`), mask: "${1}" + Mask, digit: true},
	{form: regexp.MustCompile(`(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:basic|bearer|token|digest)\s+)[^\s"',;*][^\s"',;]*`), mask: "${1}" + Mask},
	{form: regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://[^/\s:@"'<>]*:)[^@/\s"'<>*][^@/\s"'<>]*@`), mask: "${1}" + Mask + "@"},
	{form: regexp.MustCompile(`(?i)(password=["']?)[^\s"'&;*][^\s"'&;]*`), mask: "${1}" + Mask},
}

// shapeless is the text without what is shaped like a credential.
func shapeless(text string) string {
	for _, s := range shapes {
		text = s.form.ReplaceAllStringFunc(text, func(found string) string {
			if s.digit && !strings.ContainsAny(found, "0123456789") {
				return found
			}
			return s.form.ReplaceAllString(found, s.mask)
		})
	}
	return text
}
