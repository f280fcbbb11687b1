package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/warehouse"
)

// TestPoolExhausted holds the only connection of a pool behind somebody else's
// lock: who comes meanwhile waits no longer than it wants to, and afterwards
// all is well.
func TestPoolExhausted(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	plain := address.String()
	query := address.Query()
	query.Set("pool_max_conns", "1")
	address.RawQuery = query.Encode()
	w := migratedAt(t, address.String())
	mustInsert(t, w, some("a", "m", 1)) // makes the partition

	other, err := pgx.Connect(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(t.Context())) }()
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE readings"); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := w.Insert(t.Context(), some("b", "m", 1))
		held <- err
	}()
	for w.Stat().AcquiredConns() == 0 {
		time.Sleep(time.Millisecond)
	}
	const patience = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := w.Select(ctx, warehouse.Query{SensorID: "a", Limit: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with no connection free: %v, want the caller's deadline", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Errorf("behind the lock: %v", err)
	}
	if page, err := w.Select(t.Context(), warehouse.Query{SensorID: "b", Limit: 1}); err != nil || len(page.Readings) != 1 {
		t.Errorf("afterwards: %+v, %v", page, err)
	}
}

// TestMillionSensors wants a page of the list to cost the same however many
// sensors there are: no table may be read from end to end for it.
func TestMillionSensors(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := migrated(t)
	mustInsert(t, w, some("any", "value", 1)) // makes the partition
	const sensors, step = 1_000_000, 100_000
	for from := 0; from < sensors; from += step {
		for _, statement := range []string{
			"INSERT INTO series SELECT 's' || lpad(i::text, 7, '0'), 'value' FROM generate_series($1::int, $2::int) i",
			"INSERT INTO readings SELECT 's' || lpad(i::text, 7, '0'), '2026-03-01', 'value', i FROM generate_series($1::int, $2::int) i",
			"INSERT INTO readings SELECT 's' || lpad(i::text, 7, '0'), '1999-01-01', 'value', i FROM generate_series($1::int, $2::int, 10) i",
		} {
			if err := w.Exec(t.Context(), statement, from, from+step-1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Exec(t.Context(), "ANALYZE series, readings"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		query warehouse.SensorQuery
		first string
		next  string
	}{
		"the first page":  {warehouse.SensorQuery{Limit: 100, Prefix: "s"}, "s0000000", "s0000099"},
		"one further on":  {warehouse.SensorQuery{Limit: 100, After: "s0499999"}, "s0500000", "s0500099"},
		"the last page":   {warehouse.SensorQuery{Limit: 100, After: "s0999899"}, "s0999900", ""},
		"one of a prefix": {warehouse.SensorQuery{Limit: 5, Prefix: "s09999"}, "s0999900", "s0999904"},
	} {
		page, err := w.Sensors(t.Context(), test.query)
		if err != nil || len(page.Sensors) != test.query.Limit || page.Sensors[0].ID != test.first || page.Next != test.next {
			t.Fatalf("%s: %d sensors, next %q, %v", name, len(page.Sensors), page.Next, err)
		}
		plan, err := w.ExplainSensors(t.Context(), test.query)
		if err != nil || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s: %v, plan\n%s", name, err, plan)
		}
	}
}

func TestReadyTellsTheSchema(t *testing.T) {
	t.Parallel()
	w := open(t, pgtest.URL(t))
	var schema *warehouse.SchemaError
	if err := w.Ready(t.Context()); !errors.As(err, &schema) || schema.There != 0 || schema.Expected != 3 {
		t.Errorf("never migrated: %v", err)
	}
	if err := w.MigrateTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Ready(t.Context()); !errors.As(err, &schema) || fmt.Sprint(*schema) != "{1 3}" {
		t.Errorf("with an old schema: %v", err)
	}
}
