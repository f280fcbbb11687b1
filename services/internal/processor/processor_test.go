package processor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/generate"
	"sensor-backend/services/internal/processor"
)

const (
	key           = "incoming/boiler/day.csv"
	processedKey  = "processed/boiler/day.csv.ndjson.gz"
	quarantineKey = "quarantine/boiler/day.csv.ndjson"
)

// noisy is a file with anomalies, and how many the detector finds in it.
func noisy(t *testing.T) (file string, anomalies int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,value\n")
	detector := anomaly.New(anomaly.Default())
	for _, p := range generate.Points(generate.Options{
		Seed: 1, Count: 2000, Interval: 5 * time.Minute, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}) {
		anomalies += len(detector.Observe(p.Time, p.Value, nil))
		fmt.Fprintf(&b, "%s,%v\n", p.Time.Format(time.RFC3339), p.Value)
	}
	return b.String(), anomalies
}

func TestProcess(t *testing.T) {
	t.Parallel()
	first, last := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	const lines = `{"sensor_id":"boiler","metric":"value","timestamp":"2026-03-01T12:10:00Z","value":1}` + "\n" +
		`{"sensor_id":"boiler","metric":"value","timestamp":"2026-03-01T12:00:00Z","value":3}` + "\n"
	good := catalog.Object{
		SensorID: "boiler", Metrics: []string{"value"}, Rows: 2, FirstTime: first, LastTime: last, Status: catalog.Processed,
	}
	with := func(change func(o *catalog.Object)) catalog.Object {
		o := good
		change(&o)
		return o
	}
	tests := map[string]struct {
		key        string
		file       []byte
		row        catalog.Object // without keys, ETag and time
		processed  string
		quarantine string
	}{
		"csv": {
			key: key, file: []byte("timestamp,value\n2026-03-01 12:10:00,1\n2026-03-01 12:00:00,3\n"),
			row: good, processed: lines,
		},
		"gzipped csv": {
			key: "incoming/boiler/day.csv.gz", file: pack(t, "2026-03-01 12:10:00,1\n2026-03-01 12:00:00,3\n"),
			row: good, processed: lines,
		},
		"bad row in the middle": {
			key: key, file: []byte("timestamp,value\n2026-03-01 12:10:00,1\n2026-03-01 12:05:00,oops\n2026-03-01 12:00:00,3\n"),
			row:        with(func(o *catalog.Object) { o.BadRows = 1 }),
			processed:  lines,
			quarantine: `{"line":3,"reason":"value is \"oops\", expected a decimal number","raw":"2026-03-01 12:05:00,oops"}` + "\n",
		},
		"several sensors and metrics": {
			key:  "incoming/site 1/all+more.csv",
			file: []byte("sensor_id,metric,timestamp,value\na,y,2026-03-01 12:00:00,1\nb,x,2026-03-01 12:10:00,2\n"),
			row:  with(func(o *catalog.Object) { o.SensorID, o.Metrics = "site 1", []string{"x", "y"} }),
			processed: `{"sensor_id":"a","metric":"y","timestamp":"2026-03-01T12:00:00Z","value":1}` + "\n" +
				`{"sensor_id":"b","metric":"x","timestamp":"2026-03-01T12:10:00Z","value":2}` + "\n",
		},
		"empty": {
			key: key, row: catalog.Object{SensorID: "boiler", Status: catalog.Empty},
		},
		"no good row": {
			key: key, file: []byte("oops\n"),
			row:        catalog.Object{SensorID: "boiler", BadRows: 1, Status: catalog.Failed, Reason: "no row is a valid reading"},
			quarantine: `{"line":1,"reason":"has 1 columns, expected timestamp,value or sensor_id,metric,timestamp,value","raw":"oops"}` + "\n",
		},
		"refused header": {
			key: key, file: []byte("# today\nmachine,timestamp,value\na,2026-03-01 12:10:00,1\n"),
			row: catalog.Object{
				SensorID: "boiler", Status: catalog.Failed,
				Reason: `the header has no column sensor_id, and the unknown column "machine" may be it: name it sensor_id, or leave it out (line 2)`,
			},
			quarantine: `{"line":2,"reason":"the header has no column sensor_id, and the unknown column \"machine\" may be it: name it sensor_id, or leave it out (line 2)","raw":"machine,timestamp,value"}` + "\n",
		},
		"ignored columns": {
			key: key, file: []byte("timestamp,unit,value\n2026-03-01 12:10:00,C,1\n2026-03-01 12:00:00,C,3\n"),
			row: with(func(o *catalog.Object) { o.IgnoredColumns = []string{"unit"} }), processed: lines,
		},
		"empty sensor": {
			key:        "incoming/boiler/all.csv",
			file:       []byte("sensor_id,metric,timestamp,value\nboiler,value,2026-03-01 12:10:00,1\n,value,2026-03-01 12:05:00,2\nboiler,value,2026-03-01 12:00:00,3\n"),
			row:        with(func(o *catalog.Object) { o.BadRows = 1 }),
			processed:  lines,
			quarantine: `{"line":3,"reason":"sensor_id is missing","raw":",value,2026-03-01 12:05:00,2"}` + "\n",
		},
		"truncated gzip": {
			key: "incoming/boiler/day.csv.gz", file: pack(t, strings.Repeat("2026-03-01 12:10:00,1\n", 100))[:30],
			row: catalog.Object{
				SensorID: "boiler", Status: catalog.Failed, Reason: "the gzip data are cut off or damaged: unexpected EOF",
			},
			quarantine: `{"line":0,"reason":"the gzip data are cut off or damaged: unexpected EOF","raw":""}` + "\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.mustHandle(t, w.put(test.key, test.file))
			row, ok := w.rows[test.key]
			if !ok {
				t.Fatalf("no row, rows are %v", w.rows)
			}
			if row.ETag == "" || row.ProcessedAt.IsZero() || row.Key != test.key {
				t.Errorf("row %+v", row)
			}
			checkObject(t, "processed", unpackIf(t, w.sink, row.ProcessedKey), row.ProcessedKey, test.processed)
			checkObject(t, "quarantine", string(w.sink[row.QuarantineKey]), row.QuarantineKey, test.quarantine)
			row.Key, row.ETag, row.ProcessedAt, row.ProcessedKey, row.QuarantineKey = "", "", time.Time{}, "", ""
			if len(row.Metrics) == 0 {
				row.Metrics = nil
			}
			if !reflect.DeepEqual(row, test.row) {
				t.Errorf("row\n%+v, want\n%+v", row, test.row)
			}
			if !slices.Equal(w.trace[len(w.trace)-2:], []string{"row", "claim"}) {
				t.Errorf("the row is not written last: %v", w.trace)
			}
		})
	}
}

func unpackIf(t *testing.T, objects map[string][]byte, key string) string {
	t.Helper()
	if key == "" {
		return ""
	}
	return unpack(t, objects[key])
}

func checkObject(t *testing.T, what, got, key, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s object %q holds\n%s\nwant\n%s", what, key, got, want)
	}
	if (key == "") != (want == "") {
		t.Errorf("%s key %q, content wanted: %t", what, key, want != "")
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	file, anomalies := noisy(t)
	w.mustHandle(t, w.put(key, []byte(file)))
	if len(w.alerts) != anomalies || w.rows[key].Anomalies != anomalies || anomalies == 0 {
		t.Fatalf("%d alerts, row says %d, want %d", len(w.alerts), w.rows[key].Anomalies, anomalies)
	}
	text, err := json.Marshal(w.alerts[0])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{"from", "id", "kind", "link", "metric", "object_key", "score", "sensor_id", "timestamp", "value", "why"}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	if a := w.alerts[0]; a.SensorID != "boiler" || a.Metric != "value" || a.ObjectKey != key || a.Score < 1 || a.Kind == "" ||
		a.From.IsZero() || a.From.After(a.Timestamp) || a.Link != "https://sensors.example.com/#metric=value&sensor=boiler" {
		t.Errorf("alert %+v", a)
	}
}

// TestOneFileIsBounded feeds more of everything than one file may hold.
func TestOneFileIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("series", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		var file strings.Builder
		for i := range 1500 {
			fmt.Fprintf(&file, "s,m%d,2026-03-01 12:00:00,1\n", i)
		}
		w.mustHandle(t, w.put(key, []byte(file.String())))
		if row := w.rows[key]; row.Rows != 1000 || row.BadRows != 500 || len(row.Metrics) != 1000 {
			t.Errorf("%d rows, %d bad rows, %d metrics", row.Rows, row.BadRows, len(row.Metrics))
		}
		if got := string(w.sink[quarantineKey]); !strings.HasPrefix(got, `{"line":1001,`) {
			t.Errorf("quarantine begins with %.200s", got)
		}
	})
	t.Run("bad rows", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.mustHandle(t, w.put(key, []byte(strings.Repeat("oops\n", 12_000))))
		if kept := strings.Count(string(w.sink[quarantineKey]), "\n"); kept != 10_000 || w.rows[key].BadRows != 12_000 {
			t.Errorf("%d kept of %d bad rows", kept, w.rows[key].BadRows)
		}
	})
	t.Run("alerts", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		var file strings.Builder
		for i := range 200 {
			for sensor := range 120 {
				value := i % 2
				if i == 190 {
					value = 1000
				}
				fmt.Fprintf(&file, "s%d,m,%s,%d\n", sensor, time.Unix(int64(i), 0).UTC().Format(time.RFC3339), value)
			}
		}
		w.mustHandle(t, w.put(key, []byte(file.String())))
		if row := w.rows[key]; len(w.alerts) != 100 || row.Anomalies != 120 {
			t.Errorf("%d alerts of %d anomalies", len(w.alerts), row.Anomalies)
		}
	})
}

// TestSameEventTwice wants the same world after the second as after the first.
func TestSameEventTwice(t *testing.T) {
	t.Parallel()
	w := newWorld()
	file, _ := noisy(t)
	e := w.put(key, []byte(file+"oops,oops\n"))
	w.mustHandle(t, e)
	sink, rows, alerts := maps.Clone(w.sink), maps.Clone(w.rows), slices.Clone(w.alerts)
	w.mustHandle(t, e, e)
	if !reflect.DeepEqual(w.sink, sink) || !reflect.DeepEqual(w.rows, rows) || !reflect.DeepEqual(w.alerts, alerts) {
		t.Errorf("the second event changed the world: %v", w.trace)
	}
}

func TestEqualContentGivesEqualBytes(t *testing.T) {
	t.Parallel()
	file, _ := noisy(t)
	a, b := newWorld(), newWorld()
	b.clock = b.clock.Add(time.Hour)
	for _, w := range []*world{a, b} {
		w.mustHandle(t, w.put(key, []byte(file)))
	}
	if !reflect.DeepEqual(a.sink, b.sink) {
		t.Error("the processed objects differ")
	}
}

// TestRetryAfterFailure breaks each step once; the event comes again, and the
// end is the same as without the failure.
func TestRetryAfterFailure(t *testing.T) {
	t.Parallel()
	file, anomalies := noisy(t)
	content := []byte(file + "oops,oops\n")
	for _, step := range []string{"open", "take claim", "get row", "load state", "save state", "put processed", "put quarantine", "publish", "put row"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			e := w.put(key, content)
			w.fails[step] = 1
			if err := w.processor().Handle(t.Context(), e); !errors.Is(err, errDown) {
				t.Fatalf("got %v, want the failure, so that the event comes again", err)
			}
			if len(w.rows) != 0 {
				t.Fatalf("a row before everything else is written: %v", w.rows)
			}
			w.mustHandle(t, e)
			if len(w.alerts) != anomalies || w.rows[key].Rows != 2000 || len(w.sink) != 2 {
				t.Errorf("%d alerts, %d objects, row %+v", len(w.alerts), len(w.sink), w.rows[key])
			}
		})
	}
}

func TestLostConnectionIsNotADamagedFile(t *testing.T) {
	t.Parallel()
	for _, content := range [][]byte{[]byte("2026-03-01 12:10:00,1\n"), pack(t, "2026-03-01 12:10:00,1\n")} {
		w := newWorld()
		w.cut = true
		if err := w.processor().Handle(t.Context(), w.put(key, content)); !errors.Is(err, errDown) {
			t.Errorf("got %v, want the connection's error", err)
		}
		if len(w.rows)+len(w.sink)+len(w.states) != 0 {
			t.Errorf("something was written: %v", w.trace)
		}
	}
}

// TestBadNeighbours puts one good file among everything that can be wrong.
func TestBadNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld()
	malformed := event("x", "")
	malformed.Records[0].Key, malformed.Records[0].Malformed = "incoming/%zz/day.csv", errors.New("invalid URL escape")
	removed := event(key, "")
	removed.Records[0].Created = false
	w.mustHandle(t,
		w.put("incoming/boiler/cut.csv.gz", pack(t, "2026-03-01 12:10:00,1\n")[:15]),
		malformed, removed,
		event("incoming/boiler/gone.csv", ""),
		w.put("incoming/boiler/readme.txt", []byte("hello")),
		w.put("elsewhere/boiler/day.csv", []byte("2026-03-01 12:10:00,1\n")),
		processor.Event{},
		w.put(key, []byte("2026-03-01 12:10:00,1\n")),
	)
	if w.rows[key].Rows != 1 || len(w.rows) != 5 {
		t.Errorf("rows %+v", w.rows)
	}
	for refused, reason := range map[string]string{
		"incoming/%zz/day.csv": "invalid URL escape", "incoming/boiler/readme.txt": "unknown ending", "elsewhere/boiler/day.csv": "is not under incoming/",
	} {
		if row := w.rows[refused]; row.Status != catalog.Failed || !strings.Contains(row.Reason, reason) || row.ProcessedAt.IsZero() {
			t.Errorf("%s: %+v", refused, row)
		}
	}
}

// TestRefusedByName has the event of a file that no row can come of twice, and
// late: the row stays as it was.
func TestRefusedByName(t *testing.T) {
	t.Parallel()
	w := newWorld()
	long := "incoming/boiler/" + strings.Repeat("x", 1015-len("incoming/boiler/.csv")) + ".csv"
	w.mustHandle(t, event(long, "02"))
	row := w.rows[long]
	if row.Status != catalog.Failed || !strings.Contains(row.Reason, "1024 bytes") || len(w.sink) != 0 {
		t.Fatalf("row %+v, objects %v", row, w.sink)
	}
	w.mustHandle(t, event(long, "02"), event(long, "01"))
	if got := w.rows[long]; !reflect.DeepEqual(got, row) {
		t.Errorf("became %+v", got)
	}
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails["open"] = 1
	first, second := w.put("incoming/a/1.csv", []byte("2026-03-01 12:10:00,1\n")), w.put(key, []byte("2026-03-01 12:10:00,1\n"))
	first.Records = append(first.Records, second.Records...)
	if err := w.processor().Handle(t.Context(), first); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	if w.rows[key].Rows != 1 {
		t.Errorf("rows %+v", w.rows)
	}
}

// TestNewContentReplacesTheOld wants no trace of rows that are gone.
func TestNewContentReplacesTheOld(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.mustHandle(t, w.put(key, []byte("2026-03-01 12:10:00,1\noops,oops\n")))
	w.mustHandle(t, w.put(key, []byte("2026-03-01 12:20:00,2\n")))
	if row := w.rows[key]; row.QuarantineKey != "" || row.BadRows != 0 || len(w.sink[quarantineKey]) != 0 {
		t.Errorf("the old quarantine stayed: %+v, %q", row, w.sink[quarantineKey])
	}
	if got := unpack(t, w.sink[processedKey]); !strings.Contains(got, "12:20:00Z") || strings.Contains(got, "12:10:00Z") {
		t.Errorf("processed object %s", got)
	}
	w.mustHandle(t, w.put(key, nil))
	if row := w.rows[key]; row.ProcessedKey != "" || row.Status != catalog.Empty || unpack(t, w.sink[processedKey]) != "" {
		t.Errorf("the old processed object stayed: %+v, %q", row, w.sink[processedKey])
	}
}

// TestOvertaken has the event of newer content handled completely while the
// older one's objects are being written.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.source[key] = []byte("2026-03-01 12:10:00,1\n")
	overtaken := false
	w.onWrite = func(string) {
		if overtaken {
			return
		}
		overtaken = true
		w.source[key] = []byte("2026-03-01 12:10:00,2\n")
		w.mustHandle(t, event(key, "0B"))
	}
	w.mustHandle(t, event(key, "0A"))
	if got := unpack(t, w.sink[processedKey]); !strings.Contains(got, `"value":2}`) {
		t.Errorf("the older content stayed: %s", got)
	}
	if row := w.rows[key]; !strings.HasPrefix(row.Sequencer, "0B0") {
		t.Errorf("row %+v", row)
	}
	w.mustHandle(t, event(key, "0A"))
	if row := w.rows[key]; !strings.HasPrefix(row.Sequencer, "0B0") {
		t.Errorf("a late event moved the row back: %+v", row)
	}
}

// TestOutOfTime gives an invocation less time than it keeps for its last words.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld()
	content := strings.Repeat("2026-03-01 12:10:00,1\n", 10_000)
	e := w.put(key, []byte(content))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := w.processor().Handle(ctx, e)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the next one tries again") {
		t.Errorf("got %v", err)
	}
	if len(w.rows)+len(w.sink)+len(w.states) != 0 {
		t.Errorf("something was written: %v", w.trace)
	}
	w.owner = "two"
	w.mustHandle(t, e)
	if w.rows[key].Rows != 10_000 {
		t.Errorf("row %+v", w.rows[key])
	}
}

// TestProcessedBucketIsTheSource feeds what was written back as events, as a
// bucket does that is both.
func TestProcessedBucketIsTheSource(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.mustHandle(t, w.put(key, []byte("2026-03-01 12:10:00,1\noops,oops\n")))
	rows, sink := maps.Clone(w.rows), maps.Clone(w.sink)
	for written, content := range sink {
		w.mustHandle(t, w.put(written, content))
	}
	if len(sink) != 2 || !reflect.DeepEqual(w.rows, rows) || !reflect.DeepEqual(w.sink, sink) {
		t.Errorf("what the processor wrote was processed: %v", w.trace)
	}
}

// TestFutureReading wants a clock that is wrong by years not to make the
// readings that follow look late.
func TestFutureReading(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.mustHandle(t, w.put(key, []byte("2026-03-02 23:59:59,1\n2026-03-03 00:00:01,2\n2099-01-01 00:00:00,3\n1969-12-31 00:00:00,4\n")))
	if row := w.rows[key]; row.Rows != 1 || row.BadRows != 3 {
		t.Errorf("row %+v", row)
	}
	if got := string(w.sink[quarantineKey]); !strings.HasPrefix(got, `{"line":2,"reason":"timestamp is more than 24h0m0s ahead of the time at which the file came`) ||
		!strings.Contains(got, `"raw":"boiler,value,2099-01-01T00:00:00Z,3"`) || !strings.Contains(got, "is in the year 1969") {
		t.Errorf("quarantine %s", got)
	}
}

// TestDamagedText has bytes that are not UTF-8 in every place of a row.
func TestDamagedText(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.mustHandle(t, w.put("incoming/site/all.csv", []byte("a,m,2026-03-01 12:00:00,1\na\xff,m,2026-03-01 12:00:00,1\na,\xc3,2026-03-01 12:00:00,1\na,m,2026\x80,1\na,m,2026-03-01 12:00:00,\xf0\n")))
	row := w.rows["incoming/site/all.csv"]
	if row.Rows != 1 || row.BadRows != 4 {
		t.Errorf("row %+v", row)
	}
	for text := range strings.Lines(string(w.sink["quarantine/site/all.csv.ndjson"])) {
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			t.Errorf("quarantined %q", text)
		}
	}
}
