// Package reading holds the one value everything here is about: what a
// sensor measured, when. Start with Reading and its Validate.
package reading

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Longest identifiers accepted, in bytes; the warehouse's columns match.
const (
	MaxSensorID = 128
	MaxMetric   = 64
)

// DefaultMetric names the metric of a file that does not name one.
const DefaultMetric = "value"

// Reading is one measured value of one metric of one sensor.
type Reading struct {
	SensorID  string    `json:"sensor_id"`
	Metric    string    `json:"metric"`
	Timestamp time.Time `json:"timestamp"`
	Value     float64   `json:"value"`
}

// Key identifies a reading: a sensor has one value of a metric at one time.
type Key struct {
	SensorID string
	Metric   string
	Micros   int64
}

// Key returns what makes r the same reading as another, whatever its value.
func (r Reading) Key() Key {
	return Key{SensorID: r.SensorID, Metric: r.Metric, Micros: r.Timestamp.UnixMicro()}
}

// FieldError says which field of a reading is wrong and why.
type FieldError struct {
	Field  string
	Reason string
}

// Error names the field first, so that it reads well behind a line number.
func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

// earliest and latest bound a believable timestamp. They are fixed, not
// relative to now, so that a file processed twice gives the same result.
const (
	earliestYear = 1970
	latestYear   = 2100
)

// Validate returns a *FieldError for the first field that is not acceptable.
func (r Reading) Validate() error {
	if err := ValidateSensorID(r.SensorID); err != nil {
		return err
	}
	if err := ValidateMetric(r.Metric); err != nil {
		return err
	}
	if r.Timestamp.IsZero() {
		return &FieldError{Field: "timestamp", Reason: "is missing"}
	}
	if y := r.Timestamp.UTC().Year(); y < earliestYear || y > latestYear {
		return &FieldError{
			Field:  "timestamp",
			Reason: fmt.Sprintf("is in the year %d, expected %d to %d", y, earliestYear, latestYear),
		}
	}
	if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
		return &FieldError{Field: "value", Reason: "is not a finite number"}
	}
	return nil
}

// ValidateSensorID accepts 1 to MaxSensorID letters, digits and " .:_+@-",
// starting with a letter or digit and not ending in a space.
func ValidateSensorID(id string) error {
	return validateName("sensor_id", id, MaxSensorID, " .:_+@-")
}

// ValidateMetric accepts 1 to MaxMetric letters, digits and "._-", starting
// with a letter or digit.
func ValidateMetric(metric string) error {
	return validateName("metric", metric, MaxMetric, "._-")
}

func validateName(field, name string, longest int, punctuation string) error {
	if name == "" {
		return &FieldError{Field: field, Reason: "is missing"}
	}
	if len(name) > longest {
		return &FieldError{Field: field, Reason: fmt.Sprintf("is longer than %d bytes", longest)}
	}
	for i := range len(name) {
		c := name[i]
		if isAlphanumeric(c) || i > 0 && containsByte(punctuation, c) {
			continue
		}
		// Everything before it is ASCII, so a character begins here.
		whole, size := utf8.DecodeRuneInString(name[i:])
		held := strconv.QuoteRune(whole)
		if whole == utf8.RuneError && size == 1 {
			held = fmt.Sprintf("the byte %#02x, which is not UTF-8", c)
		}
		if i == 0 {
			return &FieldError{Field: field, Reason: fmt.Sprintf("starts with %s, expected an ASCII letter or digit", held)}
		}
		return &FieldError{Field: field, Reason: fmt.Sprintf("holds %s, allowed are ASCII letters, digits and %q", held, punctuation)}
	}
	if name[len(name)-1] == ' ' {
		return &FieldError{Field: field, Reason: "ends in a space"}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func containsByte(s string, c byte) bool {
	for i := range len(s) {
		if s[i] == c {
			return true
		}
	}
	return false
}
