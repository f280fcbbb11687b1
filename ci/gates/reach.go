package gates

import (
	"regexp"
	"strings"
)

// unreachable matches what Go programs say when a database on the network could
// not be read (package net, net/http, and the tools' own words for an answer
// that is none).
var unreachable = regexp.MustCompile(`(?i)no such host|connection refused|i/o timeout|network is unreachable|proxyconnect|` +
	`tls: failed to verify|context deadline exceeded|server misbehaving|` +
	`(unexpected )?(http )?status( code)?:? (403|407|429|5\d\d)|\b(403 forbidden|502 bad gateway|503 service unavailable)|` +
	`unable to (check for|update|download) .*vulnerability (db|database)|failed to load vulnerability db`)

// Unreachable says whether a tool's output means that it could not reach its
// database, and quotes the longest line that says so: the one with the cause.
func Unreachable(output string) (line string, yes bool) {
	for each := range strings.Lines(output) {
		if each = strings.TrimSpace(each); unreachable.MatchString(each) && len(each) > len(line) {
			line, yes = each, true
		}
	}
	return line, yes
}
