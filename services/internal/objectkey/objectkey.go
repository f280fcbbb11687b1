// Package objectkey maps the key of a source object to what it says of its
// content and to the keys of what is made from it. Start with Parse.
package objectkey

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"sensor-backend/services/internal/reading"
)

// The prefixes under which source objects, their processed form and their
// rejected rows lie.
const (
	incoming   = "incoming/"
	processed  = "processed/"
	quarantine = "quarantine/"
)

// MaxKey is S3's limit on a key, in bytes.
const MaxKey = 1024

// Format is how the readings of a file are written.
type Format string

// The formats a key's ending names.
const (
	CSV  Format = "csv"
	JSON Format = "json" // NDJSON or one array; the content tells
)

// Source is what the key of a source object says.
type Source struct {
	Key      string
	SensorID string
	Metric   string // reading.DefaultMetric when the key names none
	Format   Format
}

// Incoming returns the key of a file of a sensor.
func Incoming(sensorID, file string) string { return incoming + sensorID + "/" + file }

// FromEvent decodes a key as it stands in an S3 event: a plus sign is a space,
// and a real plus sign is %2B.
func FromEvent(encoded string) (string, error) {
	key, err := url.QueryUnescape(encoded)
	if err != nil {
		return "", fmt.Errorf("decode the event's key %q: %w", encoded, err)
	}
	if !utf8.ValidString(key) {
		return "", fmt.Errorf("decode the event's key %q: it is not UTF-8, as keys are", encoded)
	}
	return key, nil
}

// Parse reads a key of the form
// incoming/<sensor_id>[/<metric>]/<file>.csv|.ndjson|.json[.gz].
func Parse(key string) (Source, error) {
	fail := func(reason string, args ...any) (Source, error) {
		return Source{}, fmt.Errorf("object key %q %s, expected incoming/<sensor_id>[/<metric>]/<file>.csv|.ndjson|.json[.gz]",
			key, fmt.Sprintf(reason, args...))
	}
	if len(key) > MaxKey {
		return fail("is longer than %d bytes", MaxKey)
	}
	rest, ok := strings.CutPrefix(key, incoming)
	if !ok {
		return fail("is not under %s", incoming)
	}
	parts := strings.Split(rest, "/")
	s := Source{Key: key, Metric: reading.DefaultMetric}
	switch len(parts) {
	case 2:
		s.SensorID = parts[0]
	case 3:
		s.SensorID, s.Metric = parts[0], parts[1]
	default:
		return fail("has %d parts", len(parts))
	}
	if err := reading.ValidateSensorID(s.SensorID); err != nil {
		return fail("names no sensor: %v", err)
	}
	if err := reading.ValidateMetric(s.Metric); err != nil {
		return fail("names no metric: %v", err)
	}
	file := strings.TrimSuffix(strings.ToLower(parts[len(parts)-1]), ".gz")
	switch {
	case strings.HasSuffix(file, ".csv"):
		s.Format = CSV
	case strings.HasSuffix(file, ".ndjson"), strings.HasSuffix(file, ".json"):
		s.Format = JSON
	default:
		return fail("has an unknown ending")
	}
	for _, derived := range []string{Processed(key), Parquet(key), Quarantine(key)} {
		if len(derived) > MaxKey {
			return fail("is %d bytes too long: the key made of it would exceed %d bytes", len(derived)-MaxKey, MaxKey)
		}
	}
	return s, nil
}

// Derived knows the keys of what is made from source objects, which a bucket that
// is both has events of too.
func Derived(key string) bool {
	return strings.HasPrefix(key, processed) || strings.HasPrefix(key, quarantine)
}

// Processed returns the key of the processed form of a source object. It keeps
// the file's own ending, so that a.csv and a.json do not meet.
func Processed(key string) string {
	return processed + strings.TrimPrefix(key, incoming) + ".ndjson.gz"
}

// Loadable returns the key of the source object of a processed one in NDJSON, which
// is the form that is loaded; ok is false for the key of anything else.
func Loadable(key string) (source string, ok bool) {
	rest, isProcessed := strings.CutPrefix(key, processed)
	rest, isNDJSON := strings.CutSuffix(rest, ".ndjson.gz")
	if !isProcessed || !isNDJSON {
		return "", false
	}
	return incoming + rest, true
}

// Parquet returns the key of the processed form as a Parquet file.
func Parquet(key string) string {
	return processed + strings.TrimPrefix(key, incoming) + ".parquet"
}

// Quarantine returns the key of the rejected rows of a source object.
func Quarantine(key string) string {
	return quarantine + strings.TrimPrefix(key, incoming) + ".ndjson"
}
