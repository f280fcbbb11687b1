package parse

import (
	"strings"
	"testing"

	"sensor-backend/services/internal/reading"
)

// FuzzFields holds the fast way through a record to the slow one, field by
// field: what the fast one takes, the slow one reads as the same reading.
func FuzzFields(f *testing.F) {
	const at = "2026-03-01 12:00:00"
	for _, fields := range [][4]string{
		{"b", "t", at, "1"},
		{"", "t", at, "1"},
		{"b", "", at, "1"},
		{`""`, "t", at, "1"},
		{`"b"`, `" t "`, `"` + at + `"`, `"1"`},
		{" ", "\t", at, " 1 "},
		{"\ufeffb", "t", at, "1"},
		{"b", "t", "\ufeff" + at, "1"},
		{"\u00a0", "t", at, "1"},
		{"b", "t", at + "+15:00", "1"},
		{"b", "t", "2026-03-01T12:00:00+14:00", "0x1"},
		{"b", "t", at, strings.Repeat("1", 65)},
		{"b", "t", "", ""},
		{"a,b", "t", at, "1"},
		{"sensor_id", "metric", "timestamp", "value"},
	} {
		for layout := range 5 {
			f.Add(fields[0], fields[1], fields[2], fields[3], byte(layout))
		}
	}
	f.Fuzz(func(t *testing.T, sensor, metric, at, value string, which byte) {
		layout, line := arranged(sensor, metric, at, value, which)
		if strings.ContainsAny(line, "\r\n") {
			return // a line of a file holds none
		}
		defaults := reading.Defaults{SensorID: "folder", Metric: "value"}
		// One that has read before must not remember anything into this record.
		p := plainRecords{plain: reading.Plain{Defaults: defaults}}
		var fast reading.Reading
		p.read([]byte("last,other,2026-03-01 12:00:00,7"), fourColumns(), &fast)
		if !p.read([]byte(line), layout, &fast) {
			return
		}
		record, err := splitRecord(line)
		if err != nil {
			t.Fatalf("%q: the slow way: %v", line, err)
		}
		slow, err := recordReading(record, layout, defaults)
		if err != nil || slow != fast {
			t.Fatalf("%q: fast %+v, slow %+v, %v", line, fast, slow, err)
		}
		if isHeader(record) {
			t.Fatalf("%q is a reading and a header", line)
		}
	})
}

// arranged makes a line of fields, and its columns.
func arranged(sensor, metric, at, value string, which byte) (*columns, string) {
	switch which % 5 {
	case 0:
		return fourColumns(), strings.Join([]string{sensor, metric, at, value}, ",")
	case 1:
		return twoColumns(), at + "," + value
	case 2:
		return &columns{count: 3, sensor: 2, metric: -1, timestamp: 1, value: 0}, strings.Join([]string{value, at, sensor}, ",")
	case 3:
		return &columns{count: 3, sensor: -1, metric: 0, timestamp: 1, value: 2}, strings.Join([]string{metric, at, value}, ",")
	default:
		return &columns{count: 5, sensor: 1, metric: 0, timestamp: 2, value: 4}, strings.Join([]string{metric, sensor, at, "C", value}, ",")
	}
}
