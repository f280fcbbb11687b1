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
		"2026-03-02T02:00:00+14:00":      {want: noon},
		"2026-02-28T22:00:00-14:00":      {want: noon},
		"2026-03-02T02:01:00+14:01":      {bad: true},
		"2026-03-01T12:00:00+23:59":      {bad: true},
		"2026-03-01T12:00:00-15:00":      {bad: true},
		"2026-03-01T12:00:00+24:00":      {bad: true},
		"2026-03-01T12:00:00+1400":       {bad: true},
		"2026-03-01T12:00:00-00:00":      {want: noon},
		"2016-12-31T23:59:60Z":           {bad: true}, // a leap second
		"2016-12-31 23:59:60":            {bad: true},
		"2026-03-01T24:00:00Z":           {bad: true},
		"2026-03-01 24:00:00":            {bad: true},
		"2026-02-29T12:00:00Z":           {bad: true},
		"10000-01-01T00:00:00Z":          {bad: true},
		"+2026-03-01T12:00:00Z":          {bad: true},
		"-2026-03-01T12:00:00Z":          {bad: true},
		"1772366400000":                  {bad: true}, // milliseconds
		"1772366400000000":               {bad: true},
		"1772366400.5":                   {bad: true},
		"20260301T120000Z":               {bad: true},
		"2026-03-01T12:00Z":              {bad: true},
		"03/01/2026 12:00:00":            {bad: true},
		"01.03.2026 12:00:00":            {bad: true},
		"2026-03-01 12:00:00 UTC":        {bad: true},
		"2026-03-01T12:00:00Z ":          {bad: true},
		"２０２６-03-01T12:00:00Z":           {bad: true},
		"2026-W09-7T12:00:00Z":           {bad: true},
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
	good := map[string]float64{"1": 1, "-2.5": -2.5, "1e3": 1000, "+.5": 0.5, "0": 0, "1e-999": 0, "0.1000000000000000055511151231257827021181583404541015625": 0.1}
	for text, want := range good {
		if got, err := reading.ParseValue(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "NaN", "nan", "Inf", "-inf", "Infinity", "1e999", "0x1p4", "1_000", "1,5", "1.000,5", "1 000", "１", "−1", "1e", "--1", "21.5C", "null", "true", "0b1", "1\u00a0", " 1", "one", strings.Repeat("1", 65), "0." + strings.Repeat("1", 770), strings.Repeat("0", 1000) + "1"} {
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
		"null":            {`null`, "-"},

		// Identity is never a guess.
		"null sensor":                 {`{"sensor_id":null,` + ts + `,"value":1}`, "sensor_id"},
		"null metric":                 {`{"metric":null,` + ts + `,"value":1}`, "metric"},
		"value twice":                 {`{` + ts + `,"value":1,"value":2}`, "-"},
		"unknown name twice":          {`{` + ts + `,"value":1,"unit":"C","unit":"F"}`, "-"},
		"twice, once escaped":         {`{` + ts + `,"value":1,"v\u0061lue":2}`, "-"},
		"twice, deeper":               {`{"sensor_id":"s","metric":"m",` + ts + `,"value":1,"x":{"a":1,"a":2}}`, "-"},
		"exact beside inexact":        {`{` + ts + `,"value":1,"Value":99}`, ""},
		"inexact beside exact":        {`{"Value":99,` + ts + `,"value":1}`, ""},
		"escaped name":                {`{` + ts + `,"v\u0061lue":1}`, ""},
		"only inexact":                {`{` + ts + `,"Value":1}`, "value"},
		"sensorId":                    {`{"sensorId":"b",` + ts + `,"value":1}`, "sensor_id"},
		"SensorID":                    {`{"SensorID":"b",` + ts + `,"value":1}`, "sensor_id"},
		"device":                      {`{"device":"b",` + ts + `,"value":1}`, "sensor_id"},
		"Metric":                      {`{"sensor_id":"s","Metric":"b",` + ts + `,"value":1}`, "metric"},
		"time":                        {`{"time":"2026-03-01T12:00:00Z","value":1}`, "timestamp"},
		"unknown, sensor by default":  {`{"machine":"b","metric":"m",` + ts + `,"value":1}`, "sensor_id"},
		"unknown, metric by default":  {`{"sensor_id":"s","kind":"b",` + ts + `,"value":1}`, "metric"},
		"unknown, nothing by default": {`{"sensor_id":"s","metric":"m","kind":"b",` + ts + `,"value":1}`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := reading.FromJSON([]byte(test.json), reading.Defaults{SensorID: "s", Metric: "m"}, nil)
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
		r, err := reading.FromJSON([]byte(text), reading.Defaults{SensorID: "s", Metric: "m"}, nil)
		if err == nil && r.Validate() != nil {
			t.Errorf("%q gave the invalid reading %+v", text, r)
		}
	})
}

// TestErrorsQuoteWholeCharacters wants the character that is wrong, not its
// first byte.
func TestErrorsQuoteWholeCharacters(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"kühler": "holds 'ü'", "ölofen": "starts with 'ö'", "a\xff": "the byte 0xff", "a\u200b": `holds '\u200b'`, "温度": "starts with '温'",
	} {
		if err := reading.ValidateSensorID(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", id, err, want)
		}
	}
	if _, err := reading.FromJSON([]byte(`{"value":ä}`), reading.Defaults{}, nil); err == nil || !strings.Contains(err.Error(), "'ä'") {
		t.Errorf("got %v", err)
	}
	if _, err := reading.ParseTime(strings.Repeat("ü", 30)); err == nil || !strings.Contains(err.Error(), strings.Repeat("ü", 20)+`..."`) {
		t.Errorf("got %v", err)
	}
}

func TestNamesOfColumns(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"sensor_id": "sensor_id", "SensorID": "sensor_id", "Sensor Id": "sensor_id", "device": "sensor_id", "device-id": "sensor_id", "\ufeffsensor": "sensor_id",
		"METRIC": "metric", "Measurement": "metric", "Time": "timestamp", "ts": "timestamp", "date_time": "timestamp", "Val": "value",
		"id": "", "name": "", "unit": "", "": "",
	} {
		if got := reading.FieldNamed(name); got != want {
			t.Errorf("%q means %q, want %q", name, got, want)
		}
	}
}

func TestIgnoredNamesAreTold(t *testing.T) {
	t.Parallel()
	var ignored []string
	_, err := reading.FromJSON([]byte(`{"unit":"C","value":1,"timestamp":"2026-03-01T12:00:00Z","status":null}`),
		reading.Defaults{SensorID: "s", Metric: "m"}, func(name string) { ignored = append(ignored, name) })
	if err != nil || strings.Join(ignored, " ") != "unit status" {
		t.Errorf("ignored %q, %v", ignored, err)
	}
}

// BenchmarkFromJSON has a name that the fast way does not know.
func BenchmarkFromJSON(b *testing.B) {
	data := []byte(`{"sensor_id":"boiler 7","metric":"value","timestamp":"2026-03-01T12:00:00.5Z","value":-1.25e3,"unit":"C"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reading.FromJSON(data, reading.Defaults{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
