package gates

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// vetLine is a line of go vet: FILE:LINE:COLUMN: MESSAGE, the column at times left
// out, and "vet: " before what does not compile.
var vetLine = regexp.MustCompile(`^(?:vet: )?([^\s:]+\.go):(\d{1,9}):(?:\d+:)? (.+)$`)

// ReadVet lists the findings that go vet printed in a directory, given from the
// repository's root.
func ReadVet(text, dir string) []Finding {
	var found []Finding
	for each := range strings.Lines(text) {
		match := vetLine.FindStringSubmatch(strings.TrimSpace(each))
		if match == nil {
			continue
		}
		file := path.Join(dir, match[1])
		if inside, ok := strings.CutPrefix(match[1], sourceDir); ok {
			file = inside
		}
		line, err := strconv.Atoi(match[2])
		if err != nil {
			continue
		}
		found = append(found, Finding{Rule: "vet", Message: match[3], File: file, Line: line})
	}
	return found
}
