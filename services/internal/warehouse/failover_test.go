package warehouse_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// admin runs statements on a connection of its own to a test's database.
func admin(t *testing.T, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

const endOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

// database is the name in an address.
func database(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path[1:]
}

// TestReadOnly makes a database take no writes, as behind a failover: that is
// told, reads go on, and when it takes them again, so does the warehouse, without
// anybody's help.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	w := migratedAt(t, address)
	mustInsert(t, w, some("a", "m", 3))
	name := database(t, address)
	admin(t, address, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	admin(t, address, "SET default_transaction_read_only = off", endOthers)

	for range 2 {
		_, err := w.Insert(t.Context(), some("b", "m", 3))
		if !errors.Is(err, warehouse.ErrReadOnly) || !errors.Is(err, warehouse.ErrUnavailable) {
			t.Errorf("a write: %v", err)
		}
	}
	once := warehouse.Once{Key: "k", Request: []byte("r")}
	_, _, err := w.InsertOnce(t.Context(), once, some("b", "m", 3), func(warehouse.Stored) ([]byte, error) { return []byte("{}"), nil })
	if !errors.Is(err, warehouse.ErrReadOnly) {
		t.Errorf("a write with a key: %v", err)
	}
	if err := w.Ready(t.Context()); !errors.Is(err, warehouse.ErrReadOnly) {
		t.Errorf("ready: %v", err)
	}
	if page, err := w.Select(t.Context(), warehouse.Query{SensorID: "a", Limit: 10}); err != nil || len(page.Readings) != 3 {
		t.Errorf("a read: %+v, %v", page, err)
	}

	admin(t, address, "SET default_transaction_read_only = off", "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	// The connection of the read above knows nothing of that: it is dropped by the
	// first write that it refuses, or by the probe.
	if err := w.Ready(t.Context()); err != nil && !errors.Is(err, warehouse.ErrReadOnly) {
		t.Error(err)
	}
	mustInsert(t, w, some("b", "m", 3))
	if err := w.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestFirstRequestAfterARestart ends every session, as a restart does, and wants
// each kind of request to succeed at once.
func TestFirstRequestAfterARestart(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	w := migratedAt(t, address)
	mustInsert(t, w, some("a", "m", 3))
	n := 0
	for name, request := range map[string]func() error{
		"select": func() error {
			_, err := w.Select(t.Context(), warehouse.Query{SensorID: "a", Limit: 10})
			return err
		},
		"buckets": func() error {
			_, err := w.Buckets(t.Context(), warehouse.BucketQuery{SensorID: "a", Metric: "m", From: start, To: start.Add(time.Hour), Width: time.Minute})
			return err
		},
		"sensors": func() error {
			_, err := w.Sensors(t.Context(), warehouse.SensorQuery{Limit: 10})
			return err
		},
		"ready": func() error { return w.Ready(t.Context()) },
		"insert": func() error {
			n++
			_, err := w.Insert(t.Context(), some("i", "m", n))
			return err
		},
		"insert of many": func() error {
			_, err := w.Insert(t.Context(), some("j", "m", 2000))
			return err
		},
		"insert once": func() error {
			_, _, err := w.InsertOnce(t.Context(), warehouse.Once{Key: "k", Request: []byte("r")}, some("k", "m", 3),
				func(warehouse.Stored) ([]byte, error) { return []byte("{}"), nil })
			return err
		},
	} {
		// Several connections, all of which are dead afterwards.
		fill(t, w)
		admin(t, address, endOthers)
		if err := request(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fill has the pool open several connections at a time.
func fill(t *testing.T, w *warehouse.Warehouse) {
	t.Helper()
	done := make(chan error)
	const conns = 4
	for range conns {
		go func() { done <- w.Exec(t.Context(), "SELECT pg_sleep(0.02)") }()
	}
	for range conns {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlanLeftBehind changes the type of a column under prepared statements.
func TestPlanLeftBehind(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	w := migratedAt(t, address)
	mustInsert(t, w, some("a", "m", 3))
	query := func() error {
		page, err := w.Select(t.Context(), warehouse.Query{SensorID: "a", Limit: 10})
		if err == nil && len(page.Readings) != 3 {
			err = errors.New("not three readings")
		}
		return err
	}
	done := make(chan error)
	for range 4 { // on several connections
		go func() { done <- query() }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	admin(t, address, "ALTER TABLE readings ALTER COLUMN value TYPE real")
	if err := query(); err != nil {
		t.Errorf("behind the change: %v", err)
	}
	mustInsert(t, w, some("b", "m", 3))
}

// TestPooler goes every way there is through a pooler in transaction mode, with
// the setting that README.md names.
func TestPooler(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	migratedAt(t, address)
	w := open(t, pgtest.Pooler(t, address)+"&default_query_exec_mode=exec")
	if _, err := w.Migrate(t.Context()); err == nil {
		t.Error("migrated through the pooler")
	}
	if err := w.Prepare(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := w.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	const clients = 8 // more than the pooler has sessions
	for c := range clients {
		go func() { done <- everything(t, w, string(rune('a'+c))) }()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if done, err := w.Maintain(t.Context(), start, 24*time.Hour); err != nil || done.Skipped {
		t.Errorf("maintained %+v, %v", done, err)
	}
}

// everything stores and asks as one client, several times.
func everything(t *testing.T, w *warehouse.Warehouse, sensor string) error {
	for round := range 5 {
		for _, n := range []int{3 + round, 1500} { // by parameters and by COPY, the second time with duplicates
			stored, err := w.Insert(t.Context(), some(sensor, "m", n))
			if err != nil {
				return err
			}
			if round == 0 && n == 1500 && stored.New != 1497 {
				return errors.New("not every reading was stored")
			}
		}
		once := warehouse.Once{Key: sensor, Request: []byte("r")}
		if _, replayed, err := w.InsertOnce(t.Context(), once, []reading.Reading{{SensorID: sensor, Metric: "n", Timestamp: start}},
			func(warehouse.Stored) ([]byte, error) { return []byte("{}"), nil }); err != nil || replayed != (round > 0) {
			return errors.Join(err, errors.New("the key was not kept"))
		}
		page, err := w.Select(t.Context(), warehouse.Query{SensorID: sensor, Metric: "m", Limit: 1000})
		if err != nil || len(page.Readings) != 1000 || page.Next == nil {
			return errors.Join(err, errors.New("not a full page"))
		}
		buckets, err := w.Buckets(t.Context(), warehouse.BucketQuery{SensorID: sensor, Metric: "m", From: start, To: start.Add(time.Hour), Width: time.Hour})
		if err != nil || len(buckets) != 1 || buckets[0].Count != 1500 {
			return errors.Join(err, errors.New("not one bucket of all"))
		}
		if _, err := w.Sensors(t.Context(), warehouse.SensorQuery{Limit: 10}); err != nil {
			return err
		}
	}
	return nil
}
