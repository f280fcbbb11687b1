package warehouse

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sensor-backend/services/internal/reading"
)

// chunk is how many readings one statement carries: 4 parameters each, far
// below the 32767 that Redshift takes.
const chunk = 250

// Insert stores the readings that are not there yet, all or none, and returns
// how many were new. Of two readings with the same key the first stored wins.
func (w *Warehouse) Insert(ctx context.Context, readings []reading.Reading) (int, error) {
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
			tag, err := tx.Exec(ctx, insertStatement(len(part)), insertArguments(part)...)
			if err != nil {
				return err
			}
			total += int(tag.RowsAffected())
		}
		return nil
	})
	return total, err
}

// insertStatement builds the one form of idempotent insert that PostgreSQL and
// Redshift share; Redshift takes no VALUES list in FROM, hence UNION ALL.
func insertStatement(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO readings (sensor_id, metric, ts, value) " +
		"SELECT n.sensor_id, n.metric, n.ts, n.value FROM (")
	for i := range rows {
		if i == 0 {
			b.WriteString("SELECT $1::varchar AS sensor_id, $2::varchar AS metric, " +
				"$3::timestamptz AS ts, $4::double precision AS value")
			continue
		}
		p := 4 * i
		b.WriteString(" UNION ALL SELECT $" + strconv.Itoa(p+1) + "::varchar, $" + strconv.Itoa(p+2) +
			"::varchar, $" + strconv.Itoa(p+3) + "::timestamptz, $" + strconv.Itoa(p+4) + "::double precision")
	}
	b.WriteString(") n WHERE NOT EXISTS (SELECT 1 FROM readings r " +
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
