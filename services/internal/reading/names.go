package reading

import (
	"unicode"
	"unicode/utf8"
)

// FoldName writes a name as the names of columns are compared: in lower case,
// without spaces of any width, underscores, hyphens and characters that are not
// seen, such as byte order marks.
func FoldName(name string) string {
	var short [32]byte // longer than every name there is
	folded := short[:0]
	for _, c := range name {
		switch {
		case c == '_' || c == '-' || unicode.IsSpace(c) || unicode.Is(unicode.Cf, c):
		case 'A' <= c && c <= 'Z':
			folded = append(folded, byte(c)+'a'-'A')
		default:
			folded = utf8.AppendRune(folded, c)
		}
	}
	return string(folded)
}

// FieldNamed returns the field of a reading that the name of a column means
// (sensor_id, metric, timestamp or value), and an empty text for any other
// name. README.md lists the names.
func FieldNamed(name string) string {
	switch FoldName(name) {
	case "sensorid", "sensor", "deviceid", "device":
		return "sensor_id"
	case "metric", "metricname", "measurement":
		return "metric"
	case "timestamp", "time", "datetime", "ts":
		return "timestamp"
	case "value", "val":
		return "value"
	}
	return ""
}

// Harmless knows the names of columns that never name a sensor or a metric, so
// that they may be left out without a doubt whose the reading is.
func Harmless(name string) bool {
	switch FoldName(name) {
	case "unit", "units", "quality", "status", "comment", "note":
		return true
	}
	return false
}
