package warehouse_test

import (
	"slices"
	"testing"
	"time"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func wantPartitions(t *testing.T, w *warehouse.Warehouse, want ...string) {
	t.Helper()
	got, err := w.Partitions(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("partitions %v, %v, want %v", got, err, want)
	}
}

// TestPartitionsFollowTheReadings posts a reading of each month since 1970: the
// old ones share a table, and all are found.
func TestPartitionsFollowTheReadings(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	last := time.Now().UTC()
	var batch []reading.Reading
	for month := at(t, "1970-01-01"); !month.After(last); month = month.AddDate(0, 1, 0) {
		batch = append(batch, reading.Reading{SensorID: "a", Metric: "m", Timestamp: month})
	}
	mustInsert(t, w, batch)
	if tables, err := w.Partitions(t.Context()); err != nil || len(tables) != 25 || tables[24] != last.Format("readings_2006_01") {
		t.Errorf("%d tables, %v: %v", len(tables), err, tables)
	}
	found := 0
	q := warehouse.Query{SensorID: "a", Limit: 100}
	for {
		page, err := w.Select(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		found += len(page.Readings)
		if q.After = page.Next; page.Next == nil {
			break
		}
	}
	if found != len(batch) {
		t.Errorf("%d readings of %d", found, len(batch))
	}
	if stored, err := w.Insert(t.Context(), batch); err != nil || stored.New != 0 {
		t.Errorf("again: %+v, %v", stored.New, err)
	}
	// Of what is left two years and a month after the first month, none is older.
	if _, err := w.Maintain(t.Context(), at(t, "1972-02-01"), 365*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	page, err := w.Select(t.Context(), warehouse.Query{SensorID: "a", Limit: 1})
	if err != nil || len(page.Readings) != 1 || !page.Readings[0].Timestamp.Equal(at(t, "1971-02-01")) {
		t.Errorf("the oldest that is kept: %+v, %v", page.Readings, err)
	}
}

func TestMaintain(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	now := at(t, "2026-03-15")
	for _, day := range []string{"2025-12-31", "2026-01-31", "2026-02-01"} {
		mustInsert(t, w, []reading.Reading{{SensorID: "a", Metric: "m", Timestamp: at(t, day)}})
	}
	if err := w.Exec(t.Context(), "INSERT INTO idempotency_keys VALUES ('old', '', '', $1), ('new', '', '', $2)",
		now.Add(-25*time.Hour), now.Add(-23*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Maintain(t.Context(), now, 0); err != nil {
		t.Fatal(err)
	}
	ahead := []string{"readings_2026_03", "readings_2026_04", "readings_2026_05"}
	wantPartitions(t, w, append([]string{"readings_2025_12", "readings_2026_01", "readings_2026_02"}, ahead...)...)

	done, err := w.Maintain(t.Context(), now, 43*24*time.Hour) // since 31 January
	if err != nil || !slices.Equal(done.Dropped, []string{"readings_2025_12"}) {
		t.Errorf("%+v, %v", done, err)
	}
	wantPartitions(t, w, append([]string{"readings_2026_01", "readings_2026_02"}, ahead...)...)

	// A reading of a dropped month, which this process has met before.
	mustInsert(t, w, []reading.Reading{{SensorID: "a", Metric: "m", Timestamp: at(t, "2025-12-30")}})
	wantPartitions(t, w, append([]string{"readings_2025_12", "readings_2026_01", "readings_2026_02"}, ahead...)...)
}

// TestInsertAfterAnotherProcessDropped has this process still believe in the
// partition that the other one dropped.
func TestInsertAfterAnotherProcessDropped(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	batch := some("a", "m", 3)
	mustInsert(t, w, batch)
	if err := w.Exec(t.Context(), "DROP TABLE readings_2026_03"); err != nil {
		t.Fatal(err)
	}
	stored, err := w.Insert(t.Context(), batch)
	if err != nil || stored.New != 3 {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

func TestMigrateKeepsReadings(t *testing.T) {
	t.Parallel()
	w := migrated(t)
	if err := w.Exec(t.Context(), "DROP TABLE readings, series, idempotency_keys, goose_db_version"); err != nil {
		t.Fatal(err)
	}
	if err := w.MigrateTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Ready(t.Context()); err == nil {
		t.Error("ready with an old schema")
	}
	const old = "INSERT INTO readings VALUES ('b', '2026-01-31 23:59:59.999999+00', 'm', 1), ('b', '2026-02-01 00:00:00+00', 'm', 2), ('a', '1999-05-05', 'n', 3)"
	if err := w.Exec(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if version, err := w.Migrate(t.Context()); err != nil || version != 3 {
		t.Fatalf("version %d, %v", version, err)
	}
	if err := w.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	wantPartitions(t, w, "readings_2026_01", "readings_2026_02")
	page, err := w.Sensors(t.Context(), warehouse.SensorQuery{Limit: 10})
	if err != nil || len(page.Sensors) != 2 || page.Sensors[1].Metrics[0].Value != 2 {
		t.Errorf("sensors %+v, %v", page, err)
	}
}
