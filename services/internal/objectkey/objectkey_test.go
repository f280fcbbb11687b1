package objectkey_test

import (
	"net/url"
	"strings"
	"testing"

	"sensor-backend/services/internal/objectkey"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]objectkey.Source{
		"incoming/boiler/day.csv":              {SensorID: "boiler", Metric: "value", Format: objectkey.CSV},
		"incoming/boiler/day.csv.gz":           {SensorID: "boiler", Metric: "value", Format: objectkey.CSV},
		"incoming/boiler/pressure/day.ndjson":  {SensorID: "boiler", Metric: "pressure", Format: objectkey.JSON},
		"incoming/boiler/pressure/DAY.JSON.GZ": {SensorID: "boiler", Metric: "pressure", Format: objectkey.JSON},
		"incoming/boiler 7+8/day 1+2.csv":      {SensorID: "boiler 7+8", Metric: "value", Format: objectkey.CSV},
		"incoming/boiler/.csv":                 {SensorID: "boiler", Metric: "value", Format: objectkey.CSV},
	}
	for key, want := range tests {
		want.Key = key
		got, err := objectkey.Parse(key)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", key, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"", "incoming/", "incoming/day.csv", "incoming//day.csv", "incoming/boiler/", "incoming/boiler/day.txt",
		"incoming/boiler/day.gz", "processed/boiler/day.csv", "/incoming/boiler/day.csv",
		"incoming/a/b/c/day.csv", "incoming/../day.csv", "incoming/boiler/a b/day.csv",
		"incoming/boiler/" + strings.Repeat("x", 1100) + ".csv",
	} {
		if got, err := objectkey.Parse(key); err == nil {
			t.Errorf("%q gave %+v", key, got)
		}
	}
}

// TestLongestKey wants every key that is taken to have derived keys that S3
// takes too.
func TestLongestKey(t *testing.T) {
	t.Parallel()
	const around = "incoming/boiler/.csv"
	for length := 1000; length <= 1030; length++ {
		key := strings.Replace(around, ".", strings.Repeat("x", length-len(around))+".", 1)
		_, err := objectkey.Parse(key)
		fits := max(len(objectkey.Processed(key)), len(objectkey.Parquet(key)), len(objectkey.Quarantine(key)), len(key)) <= 1024
		if (err == nil) != fits {
			t.Errorf("%d bytes: %v, want it taken: %t", length, err, fits)
		}
	}
}

func TestFromEvent(t *testing.T) {
	t.Parallel()
	got, err := objectkey.FromEvent("incoming/boiler+7%2B8/day+1%2B2.csv")
	if want := "incoming/boiler 7+8/day 1+2.csv"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := objectkey.FromEvent("incoming/%zz.csv"); err == nil {
		t.Error("a malformed escape was taken")
	}
}

func TestDerivedKeys(t *testing.T) {
	t.Parallel()
	const key = "incoming/boiler 7/day 1+2.csv.gz"
	if got, want := objectkey.Processed(key), "processed/boiler 7/day 1+2.csv.gz.ndjson.gz"; got != want {
		t.Errorf("processed: got %q, want %q", got, want)
	}
	if got, want := objectkey.Quarantine(key), "quarantine/boiler 7/day 1+2.csv.gz.ndjson"; got != want {
		t.Errorf("quarantine: got %q, want %q", got, want)
	}
	if got, want := objectkey.Incoming("boiler", "day.csv"), "incoming/boiler/day.csv"; got != want {
		t.Errorf("incoming: got %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("incoming/boiler/day.csv")
	f.Add("incoming/boiler 7+8/pressure/day.ndjson.gz")
	f.Fuzz(func(t *testing.T, key string) {
		back, err := objectkey.FromEvent(url.QueryEscape(key))
		if err != nil || back != key {
			t.Fatalf("%q came out of an event as %q, %v", key, back, err)
		}
		source, err := objectkey.Parse(key)
		if err != nil {
			return
		}
		if source.SensorID == "" || source.Metric == "" || strings.ContainsAny(source.SensorID+source.Metric, "/\x00") {
			t.Errorf("%q gave %+v", key, source)
		}
		if objectkey.Processed(key) == key || objectkey.Quarantine(key) == key {
			t.Errorf("%q is its own result", key)
		}
	})
}

func TestLoadable(t *testing.T) {
	t.Parallel()
	const source = "incoming/boiler 7/temp/day.csv.gz"
	for key, want := range map[string]string{
		objectkey.Processed(source):                source,
		objectkey.Parquet(source):                  "",
		objectkey.Quarantine(source):               "",
		source:                                     "",
		"other/" + objectkey.Processed(source):     "",
		objectkey.Processed("incoming/a/b.ndjson"): "incoming/a/b.ndjson",
	} {
		if got, ok := objectkey.Loadable(key); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t, want %q", key, got, ok, want)
		}
	}
}
