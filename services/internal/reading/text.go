package reading

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// spaced is the layout of files that write the time without a zone; such
// times are taken as UTC.
const spaced = "2006-01-02 15:04:05"

// ParseTime reads RFC 3339 or "2006-01-02 15:04:05" (taken as UTC), either
// with a fraction. The result is UTC and cut to microseconds, the warehouse's
// resolution, so that a reading sent twice is the same reading.
func ParseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, &FieldError{Field: "timestamp", Reason: "is missing"}
	}
	if t, ok := plainTime(s); ok {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = time.Parse(spaced, s)
	}
	if err != nil {
		return time.Time{}, &FieldError{
			Field:  "timestamp",
			Reason: "is " + quote(s) + ", expected 2006-01-02T15:04:05Z or 2006-01-02 15:04:05",
		}
	}
	if _, offset := t.Zone(); offset > maxOffset || offset < -maxOffset {
		return time.Time{}, &FieldError{
			Field:  "timestamp",
			Reason: "is " + quote(s) + ", no place on earth is more than 14 hours away from UTC",
		}
	}
	return t.UTC().Truncate(time.Microsecond), nil
}

// maxOffset is the largest distance of a zone from UTC, in seconds: that of the
// Line Islands.
const maxOffset = 14 * 60 * 60

// maxNumber is the longest text of a number, in bytes. 17 digits tell every
// float64 from every other; some programs print up to 50. Reading one digit
// more than that costs more with each, and says nothing.
const maxNumber = 64

// ParseValue reads a finite decimal number.
func ParseValue(s string) (float64, error) {
	if s == "" {
		return 0, &FieldError{Field: "value", Reason: "is missing"}
	}
	if len(s) > maxNumber {
		return 0, &FieldError{Field: "value", Reason: fmt.Sprintf("has %d characters, a number has at most %d", len(s), maxNumber)}
	}
	v, err := strconv.ParseFloat(s, 64)
	// ParseFloat also takes hexadecimal and underscores, which no sensor means.
	if err != nil || strings.ContainsAny(s, "xX_") {
		return 0, &FieldError{Field: "value", Reason: "is " + quote(s) + ", expected a decimal number"}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, &FieldError{Field: "value", Reason: "is not a finite number"}
	}
	return v, nil
}

// quote keeps error messages short, whatever the input.
func quote(s string) string {
	const longest = 40
	if len(s) > longest {
		cut := longest
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	return strconv.Quote(s)
}
