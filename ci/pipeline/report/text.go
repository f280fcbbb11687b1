package report

import (
	"fmt"
	"strings"
	"unicode"

	"dagger/sensor-backend/text"
)

// plain makes a text that others wrote fit for one line: white space becomes a
// space, control characters and those that turn the direction of writing are
// replaced, and what is longer than most characters is clipped.
func plain(s string, most int) string {
	return text.Clip(strings.Join(strings.Fields(visible(s)), " "), most)
}

// visible replaces what a terminal or a browser would act upon, and keeps lines.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// length is a time as people say it.
func length(seconds float64) string {
	switch whole := int(seconds + 0.5); {
	case seconds < 60:
		return fmt.Sprintf("%.1f s", seconds)
	case whole < 3600:
		return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
	case whole < 48*3600:
		return fmt.Sprintf("%d h %02d min", whole/3600, whole/60%60)
	default:
		return fmt.Sprintf("%d d %02d h", whole/86400, whole/3600%24)
	}
}

// size is a number of bytes in a unit that fits.
func size(bytes int64) string {
	switch {
	case bytes <= 0:
		return "-"
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
}
