package reading_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/reading"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := reading.Reading{SensorID: "boiler 7+2", Metric: "temp.c", Timestamp: noon, Value: -1.5}
	tests := map[string]struct {
		change func(r *reading.Reading)
		field  string // empty when valid
	}{
		"good":                     {func(*reading.Reading) {}, ""},
		"no sensor":                {func(r *reading.Reading) { r.SensorID = "" }, "sensor_id"},
		"slash in sensor":          {func(r *reading.Reading) { r.SensorID = "a/b" }, "sensor_id"},
		"control character":        {func(r *reading.Reading) { r.SensorID = "a\x00b" }, "sensor_id"},
		"sensor ends in space":     {func(r *reading.Reading) { r.SensorID = "a " }, "sensor_id"},
		"sensor starts with dot":   {func(r *reading.Reading) { r.SensorID = ".." }, "sensor_id"},
		"longest sensor":           {func(r *reading.Reading) { r.SensorID = strings.Repeat("a", 128) }, ""},
		"sensor too long":          {func(r *reading.Reading) { r.SensorID = strings.Repeat("a", 129) }, "sensor_id"},
		"no metric":                {func(r *reading.Reading) { r.Metric = "" }, "metric"},
		"space in metric":          {func(r *reading.Reading) { r.Metric = "a b" }, "metric"},
		"metric too long":          {func(r *reading.Reading) { r.Metric = strings.Repeat("a", 65) }, "metric"},
		"no time":                  {func(r *reading.Reading) { r.Timestamp = time.Time{} }, "timestamp"},
		"before computers":         {func(r *reading.Reading) { r.Timestamp = time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC) }, "timestamp"},
		"in milliseconds by error": {func(r *reading.Reading) { r.Timestamp = time.Unix(noon.UnixMilli(), 0) }, "timestamp"},
		"not a number":             {func(r *reading.Reading) { r.Value = math.NaN() }, "value"},
		"infinite":                 {func(r *reading.Reading) { r.Value = math.Inf(-1) }, "value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good
			test.change(&r)
			checkField(t, r.Validate(), test.field)
		})
	}
}

func checkField(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return
	}
	var fieldErr *reading.FieldError
	if !errors.As(err, &fieldErr) {
		t.Fatalf("got %v, want an error of the field %s", err, field)
	}
	if fieldErr.Field != field {
		t.Errorf("the error is of the field %s, want %s", fieldErr.Field, field)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want time.Time
		bad  bool
	}{
		"2026-03-01T12:00:00Z":           {want: noon},
		"2026-03-01T13:00:00+01:00":      {want: noon},
		"2026-03-01 12:00:00":            {want: noon},
		"2026-03-01 12:00:00.25":         {want: noon.Add(250 * time.Millisecond)},
		"2026-03-01T12:00:00.123456789Z": {want: noon.Add(123456 * time.Microsecond)},
		"":                               {bad: true},
		"2026-03-01":                     {bad: true},
		"2026-02-30 12:00:00":            {bad: true},
		"1772366400":                     {bad: true},
		"2026-03-01T12:00:00":            {bad: true},
	}
	for text, test := range tests {
		got, err := reading.ParseTime(text)
		if (err != nil) != test.bad {
			t.Errorf("%q: error %v, want one: %t", text, err, test.bad)
		}
		if !got.Equal(test.want) {
			t.Errorf("%q: got %v, want %v", text, got, test.want)
		}
	}
}

func TestParseValue(t *testing.T) {
	t.Parallel()
	good := map[string]float64{"1": 1, "-2.5": -2.5, "1e3": 1000, "+.5": 0.5, "0": 0, "1e-999": 0}
	for text, want := range good {
		if got, err := reading.ParseValue(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "NaN", "nan", "Inf", "-inf", "Infinity", "1e999", "0x1p4", "1_000", "1,5", " 1", "one"} {
		if _, err := reading.ParseValue(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestFromJSON(t *testing.T) {
	t.Parallel()
	const ts = `"timestamp":"2026-03-01T12:00:00Z"`
	tests := map[string]struct {
		json  string
		field string // of the error; "-" is an error of no field
	}{
		"good":            {`{"sensor_id":"s","metric":"m",` + ts + `,"value":1}`, ""},
		"defaults":        {`{` + ts + `,"value":1}`, ""},
		"unknown field":   {`{` + ts + `,"value":1,"unit":"C"}`, ""},
		"empty sensor":    {`{"sensor_id":"",` + ts + `,"value":1}`, "sensor_id"},
		"number sensor":   {`{"sensor_id":7,` + ts + `,"value":1}`, "sensor_id"},
		"no time":         {`{"value":1}`, "timestamp"},
		"no value":        {`{` + ts + `}`, "value"},
		"null value":      {`{` + ts + `,"value":null}`, "value"},
		"quoted value":    {`{` + ts + `,"value":"1"}`, "value"},
		"true value":      {`{` + ts + `,"value":true}`, "value"},
		"too large":       {`{` + ts + `,"value":1e999}`, "value"},
		"NaN":             {`{` + ts + `,"value":NaN}`, "-"},
		"array":           {`[1,2]`, "-"},
		"two on one line": {`{` + ts + `,"value":1}{}`, "-"},
		"cut off":         {`{` + ts, "-"},
		"null":            {`null`, "timestamp"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := reading.FromJSON([]byte(test.json), reading.Defaults{SensorID: "s", Metric: "m"})
			if test.field == "-" {
				if err == nil {
					t.Fatal("no error")
				}
				return
			}
			checkField(t, err, test.field)
			want := reading.Reading{SensorID: "s", Metric: "m", Timestamp: noon, Value: 1}
			if test.field == "" && r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
		})
	}
}

func FuzzFromJSON(f *testing.F) {
	f.Add(`{"sensor_id":"s","metric":"m","timestamp":"2026-03-01 12:00:00","value":1.5}`)
	f.Add(`{"value":1e400}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := reading.FromJSON([]byte(text), reading.Defaults{SensorID: "s", Metric: "m"})
		if err == nil && r.Validate() != nil {
			t.Errorf("%q gave the invalid reading %+v", text, r)
		}
	})
}
