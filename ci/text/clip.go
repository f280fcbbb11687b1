package text

import "strings"

// FirstLine is the first line of a text that says more below it.
func FirstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return first
}

// Clip is s with at most limit characters, of which the last is an ellipsis where
// something was cut off. It keeps what a stranger wrote from flooding a message.
func Clip(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:max(0, limit-1)]) + "…"
	}
	return s
}
