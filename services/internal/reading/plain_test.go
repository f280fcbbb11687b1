package reading_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/reading"
)

const plainLine = `{"sensor_id":"boiler 7","metric":"value","timestamp":"2026-03-01T12:00:00.5Z","value":-1.25e3}`

func TestPlainTakesWhatDevicesWrite(t *testing.T) {
	t.Parallel()
	want := reading.Reading{SensorID: "boiler 7", Metric: "value", Timestamp: time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC), Value: -1250}
	for _, text := range []string{
		plainLine,
		strings.ReplaceAll(plainLine, ",", " ,\n\t "),
		`{"value":-1250.0,"timestamp":"2026-03-01 12:00:00.5","metric":"value","sensor_id":"boiler 7"}`,
	} {
		var p reading.Plain
		if got, taken, ok := p.Next([]byte(text + " rest")); !ok || got != want || taken != len(text) {
			t.Errorf("%s: got %+v, %d bytes, %t", text, got, taken, ok)
		}
	}
	p := reading.Plain{Defaults: reading.Defaults{SensorID: "boiler 7", Metric: "value"}}
	if got, _, ok := p.Next([]byte(`{"timestamp":"2026-03-01T12:00:00.5Z","value":-1250}`)); !ok || got != want {
		t.Errorf("with defaults: got %+v, %t", got, ok)
	}
}

// FuzzPlain holds the fast way to the slow one: what it takes, the slow one
// reads as the same reading, and writes again as the fast one does.
func FuzzPlain(f *testing.F) {
	f.Add([]byte(plainLine), plainLine)
	for _, text := range []string{
		`{}`, `{"value":01}`, strings.Replace(plainLine, "03-01", "02-29", 1), strings.Replace(plainLine, "12:", "24:", 1),
		strings.Replace(plainLine, "-1.25e3", "1e999", 1), strings.Replace(plainLine, "boiler 7", `boiler\u0037`, 1),
		strings.Replace(plainLine, "{", `{"value":1,`, 1), strings.Replace(plainLine, "00.5Z", "60Z", 1),
		strings.Replace(plainLine, ".5Z", ".123456789+02:00", 1), strings.Replace(plainLine, "2026", "1969", 1),
	} {
		f.Add([]byte(text), text)
	}
	f.Fuzz(func(t *testing.T, data []byte, at string) {
		var p reading.Plain
		fast, taken, ok := p.Next(data)
		if ok {
			slow, err := reading.FromJSON(data[:taken], reading.Defaults{}, nil)
			if err != nil || slow != fast {
				t.Fatalf("fast %+v, slow %+v, %v", fast, slow, err)
			}
			want, err := json.Marshal(slow)
			if got := new(reading.Appender).Append(nil, slow); err != nil || string(got) != string(want) {
				t.Fatalf("wrote %s, want %s, %v", got, want, err)
			}
		}
		got, gotErr := reading.ParseTime(at)
		want, wantErr := time.Parse(time.RFC3339Nano, at)
		if wantErr != nil {
			want, wantErr = time.Parse("2006-01-02 15:04:05", at)
		}
		if _, offset := want.Zone(); wantErr == nil && max(offset, -offset) > 14*3600 {
			wantErr = errors.New("not on earth")
		}
		if (gotErr == nil) != (wantErr == nil) || gotErr == nil && !got.Equal(want.Truncate(time.Microsecond)) {
			t.Fatalf("ParseTime(%q) is %v, %v, want %v, %v", at, got, gotErr, want, wantErr)
		}
	})
}

func TestAppenderWritesNumbersAsTheLibraryDoes(t *testing.T) {
	t.Parallel()
	var a reading.Appender
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1.5, 1e-6, 9.99e-7, 1e-9, 1e-10, 1e20, 1e21, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64, 1.0 / 3} {
		r := reading.Reading{SensorID: "a b:+@-", Metric: "m._-", Timestamp: at, Value: v}
		want, err := json.Marshal(r)
		if got := a.Append(nil, r); err != nil || string(got) != string(want) {
			t.Errorf("got %s, want %s, %v", got, want, err)
		}
	}
}

// TestWhatIsRemembered reads and writes readings after others that began alike,
// and wants no trace of these: days in any order, names that change, fractions.
func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	var p reading.Plain
	var a reading.Appender
	for _, text := range []string{
		"2026-03-01 12:00:00", "2026-03-01 23:59:59", "2026-03-01T00:00:00Z", "2026-02-28 00:00:00", "2026-03-01 01:02:03.456", "2026-03-01T12:00:00.000001Z",
		"2026-03-02 00:00:00", "1970-01-01 00:00:00", "1970-01-01 00:00:01", "2100-12-31T23:59:59.999999Z", "2100-12-31T23:59:59Z",
		"2026-03-01 24:00:00", "2026-03-01 12:60:00", "2026-03-01 12:00:6 ", "2026-03-01T12:00:00 ", "2026-03-01 12:00:00Z", "2026-03-01 12.00:00", "2026-02-30 12:00:00",
	} {
		for _, sensor := range []string{"a", "b", "b"} {
			var got reading.Reading
			fast := p.Fields(&got, reading.Field{Text: []byte(sensor), There: true}, reading.Field{Text: []byte("m"), There: true}, []byte(text), []byte("1"))
			at, err := reading.ParseTime(text)
			if fast && (err != nil || !got.Timestamp.Equal(at) || got.Timestamp.Location() != time.UTC) {
				t.Errorf("%s: got %v, want %v, %v", text, got.Timestamp, at, err)
			}
			if !fast {
				if err == nil {
					t.Errorf("%s is not plain", text)
				}
				continue
			}
			want, err := json.Marshal(got)
			if line := a.Append(nil, got); err != nil || string(line) != string(want) {
				t.Errorf("wrote %s, want %s, %v", line, want, err)
			}
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	var p reading.Plain
	data := []byte(plainLine)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := p.Next(data); !ok {
			b.Fatal("not plain")
		}
	}
}
