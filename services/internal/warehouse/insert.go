package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sensor-backend/services/internal/reading"
)

// chunk is how many readings one statement carries, with 4 parameters each.
// Redshift takes 32767 of them.
const chunk = 500

// Insert stores the readings that are not there yet, all or none, and returns
// how many were new. Of two readings with the same key the first stored wins.
func (w *Warehouse) Insert(ctx context.Context, readings []reading.Reading) (int, error) {
	if !w.migrated.Load() {
		return 0, fmt.Errorf("store readings: %w: its schema is not migrated yet", ErrUnavailable)
	}
	readings = distinct(readings)
	// Another writer may store the same reading between this statement's look
	// and its write; PostgreSQL then refuses, and a second look finds it there.
	const attempts = 5
	var inserted int
	var err error
	for range attempts {
		inserted, err = w.insertOnce(ctx, readings)
		if !lostRace(err) {
			break
		}
	}
	return inserted, classify("store readings", err)
}

func (w *Warehouse) insertOnce(ctx context.Context, readings []reading.Reading) (int, error) {
	total := 0
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		total = 0
		for start := 0; start < len(readings); start += chunk {
			part := readings[start:min(start+chunk, len(readings))]
			tag, err := tx.Exec(ctx, insertStatement(len(part), w.redshift.Load()), insertArguments(part)...)
			if err != nil {
				return err
			}
			total += int(tag.RowsAffected())
		}
		return nil
	})
	return total, err
}

// insertStatement builds an idempotent insert without ON CONFLICT, which
// Redshift has not. Nor does it take a VALUES list in FROM; there the rows are
// joined by UNION ALL, which PostgreSQL plans ten times slower.
func insertStatement(rows int, redshift bool) string {
	before, row, between, after := "(VALUES ", "($%d::varchar, $%d::varchar, $%d::timestamptz, $%d::double precision)", ", ",
		") n (sensor_id, metric, ts, value)"
	if redshift {
		before, row, between, after = "(", "SELECT $%d::varchar AS sensor_id, $%d::varchar AS metric, "+
			"$%d::timestamptz AS ts, $%d::double precision AS value", " UNION ALL ", ") n"
	}
	var b strings.Builder
	b.WriteString("INSERT INTO readings (sensor_id, metric, ts, value) " +
		"SELECT n.sensor_id, n.metric, n.ts, n.value FROM " + before)
	for i := range rows {
		if i > 0 {
			b.WriteString(between)
		}
		fmt.Fprintf(&b, row, 4*i+1, 4*i+2, 4*i+3, 4*i+4)
	}
	b.WriteString(after + " WHERE NOT EXISTS (SELECT 1 FROM readings r " +
		"WHERE r.sensor_id = n.sensor_id AND r.ts = n.ts AND r.metric = n.metric)")
	return b.String()
}

func insertArguments(readings []reading.Reading) []any {
	args := make([]any, 0, 4*len(readings))
	for _, r := range readings {
		args = append(args, r.SensorID, r.Metric, r.Timestamp, r.Value)
	}
	return args
}

func distinct(readings []reading.Reading) []reading.Reading {
	seen := make(map[reading.Key]struct{}, len(readings))
	out := make([]reading.Reading, 0, len(readings))
	for _, r := range readings {
		if _, dup := seen[r.Key()]; dup {
			continue
		}
		seen[r.Key()] = struct{}{}
		out = append(out, r)
	}
	return out
}

// lostRace knows the errors that a second try cures: PostgreSQL's unique
// violation, serialization failure and deadlock; Redshift reports conflicts as
// serialization failures.
func lostRace(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case "23505", "40001", "40P01":
		return true
	}
	return false
}
