package reading

import (
	"math"
	"strconv"
	"strings"
	"time"
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
	return t.UTC().Truncate(time.Microsecond), nil
}

// ParseValue reads a finite decimal number.
func ParseValue(s string) (float64, error) {
	if s == "" {
		return 0, &FieldError{Field: "value", Reason: "is missing"}
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
		s = s[:longest] + "..."
	}
	return strconv.Quote(s)
}
