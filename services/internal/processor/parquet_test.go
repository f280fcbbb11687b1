package processor_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sensor-backend/services/internal/reading"
)

const parquetKey = "processed/boiler/day.csv.parquet"

// TestParquet wants the same readings in both forms of the processed object.
func TestParquet(t *testing.T) {
	t.Parallel()
	file, _ := noisy(t)
	a, b, off := newWorld(), newWorld(), newWorld()
	a.parquet, b.parquet = true, true
	for _, w := range []*world{a, b, off} {
		w.mustHandle(t, w.put(key, []byte(file+"oops,oops\n")))
	}
	if _, written := off.sink[parquetKey]; written {
		t.Error("a Parquet object was written that nobody asked for")
	}
	if !bytes.Equal(a.sink[parquetKey], b.sink[parquetKey]) {
		t.Error("the same file gives other bytes")
	}
	var want []reading.Reading
	for line := range strings.Lines(unpack(t, a.sink[processedKey])) {
		var r reading.Reading
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	if got := parquetReadings(t, a.sink[parquetKey]); len(got) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d readings in the Parquet object, %d in the other, or they differ", len(got), len(want))
	}
	// A content without readings leaves none of the old one's.
	a.mustHandle(t, a.put(key, nil))
	if got := parquetReadings(t, a.sink[parquetKey]); len(got) != 0 {
		t.Errorf("%d readings of the old content stayed", len(got))
	}
}

// parquetReadings reads a file by the names of its columns, as a stranger would.
func parquetReadings(t *testing.T, content []byte) []reading.Reading {
	t.Helper()
	type row struct {
		Metric    string    `parquet:"metric"`
		Value     float64   `parquet:"value"`
		Timestamp time.Time `parquet:"timestamp,timestamp(microsecond)"`
		SensorID  string    `parquet:"sensor_id"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var all []reading.Reading
	for _, r := range rows {
		all = append(all, reading.Reading{SensorID: r.SensorID, Metric: r.Metric, Timestamp: r.Timestamp.UTC(), Value: r.Value})
	}
	return all
}
