package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// monthsAhead is how many partitions stand ready behind the current one.
	monthsAhead = 2
	// answersKept is how long an Idempotency-Key is remembered.
	answersKept = 24 * time.Hour
)

// Maintained says what one round of maintenance did.
type Maintained struct {
	Skipped bool     // another process was at it
	Dropped []string // partitions whose readings had all passed the retention
	Expired int64    // answers to Idempotency-Keys
}

// Maintain makes the partitions of the months to come, drops those that hold
// nothing younger than the retention (0 keeps everything), and forgets old
// Idempotency-Keys. Any number of processes may call it: for each step an advisory
// lock lets one work, and the others skip the rest. The lock is the
// transaction's, so that a pooler cannot leave it to somebody else.
func (w *Warehouse) Maintain(ctx context.Context, now time.Time, retention time.Duration) (Maintained, error) {
	if err := w.usable(ctx, "maintain the warehouse"); err != nil {
		return Maintained{}, err
	}
	if w.staging != nil {
		return Maintained{Skipped: true}, nil
	}
	var done Maintained
	err := w.maintain(ctx, now, retention, &done)
	return done, classify("maintain the warehouse", err)
}

func (w *Warehouse) maintain(ctx context.Context, now time.Time, retention time.Duration, done *Maintained) error {
	first, err := w.firstMonth(ctx)
	if err != nil {
		return err
	}
	for m := max(first, monthOf(now)); m <= monthOf(now)+monthsAhead; m++ {
		if err := w.makePartition(ctx, m); err != nil {
			return err
		}
	}
	if retention > 0 {
		if err := w.dropOld(ctx, now.Add(-retention), done); err != nil || done.Skipped {
			return err
		}
	}
	err = w.alone(ctx, done, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM idempotency_keys WHERE created_at < $1", now.Add(-answersKept))
		done.Expired = tag.RowsAffected()
		return err
	})
	if err != nil {
		return fmt.Errorf("forget old idempotency keys: %w", err)
	}
	return nil
}

// alone does one step unless another process is at one.
func (w *Warehouse) alone(ctx context.Context, done *Maintained, step func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(maintenanceLock)).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			done.Skipped = true
			return nil
		}
		return step(tx)
	})
}

// dropOld drops the partitions that end before the oldest time to keep, and
// deletes from the table of old readings. A drop
// waits for the queries that run, and makes those that come wait behind it:
// the session's lock timeout bounds both, and the next round tries again.
func (w *Warehouse) dropOld(ctx context.Context, oldest time.Time, done *Maintained) error {
	rows, err := w.pool.Query(ctx, "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "+
		"WHERE i.inhparent = 'readings'::regclass ORDER BY 1")
	if err != nil {
		return fmt.Errorf("list the partitions: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the partitions: %w", err)
	}
	for _, table := range tables {
		start, err := time.Parse(partitionLayout, table)
		if err != nil {
			continue // somebody else's table is not dropped
		}
		m := monthOf(start)
		if (m + 1).start().After(oldest) {
			continue
		}
		err = w.alone(ctx, done, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+m.table())
			return err
		})
		if err != nil {
			return fmt.Errorf("drop the partition %s: %w", table, err)
		}
		if done.Skipped {
			return nil
		}
		w.months.forget()
		done.Dropped = append(done.Dropped, table)
	}
	err = w.alone(ctx, done, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM readings_early WHERE ts < $1", oldest)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete from the table of old readings: %w", err)
	}
	return nil
}

// KeepMaintaining calls Maintain now and then until ctx ends.
func (w *Warehouse) KeepMaintaining(ctx context.Context, log *slog.Logger, now func() time.Time, retention time.Duration) {
	const interval = time.Hour
	for {
		done, err := w.Maintain(ctx, now(), retention)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "warehouse not maintained, trying again later", "error", err)
		case !done.Skipped:
			log.InfoContext(ctx, "warehouse maintained", "dropped", done.Dropped, "expired_keys", done.Expired)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}
