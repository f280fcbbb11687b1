package report

import (
	"strings"

	"dagger/sensor-backend/pipeline/record"
)

// SNS is the record as a notification: a subject as SNS takes it (Publish:
// ASCII, less than 100 characters, no line breaks or control characters) and
// the terminal's text, below SNS's 256 KiB.
func SNS(r record.Record) (subject, message string) {
	ascii := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, Headline(r))
	const most = 200 << 10
	message = Terminal(r)
	if len(message) > most {
		message = strings.ToValidUTF8(message[:most], "") + "\n(cut)\n"
	}
	return ascii[:min(len(ascii), 99)], message
}
