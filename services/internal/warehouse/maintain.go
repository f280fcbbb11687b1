package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
// Idempotency-Keys. Any number of processes may call it: an advisory lock lets
// one work and the others skip.
func (w *Warehouse) Maintain(ctx context.Context, now time.Time, retention time.Duration) (Maintained, error) {
	if err := w.usable("maintain the warehouse"); err != nil {
		return Maintained{}, err
	}
	if w.staging != nil {
		return Maintained{Skipped: true}, nil
	}
	var done Maintained
	err := w.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var mine bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(maintenanceLock)).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			done.Skipped = true
			return nil
		}
		defer func() {
			// A lost session has lost its lock too.
			_, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(maintenanceLock))
		}()
		return w.maintain(ctx, conn, now, retention, &done)
	})
	return done, classify("maintain the warehouse", err)
}

func (w *Warehouse) maintain(ctx context.Context, conn *pgxpool.Conn, now time.Time, retention time.Duration, done *Maintained) error {
	for m := monthOf(now); m <= monthOf(now)+monthsAhead; m++ {
		if err := w.makePartition(ctx, m); err != nil {
			return err
		}
	}
	if retention > 0 {
		if err := w.dropOld(ctx, conn, now.Add(-retention), done); err != nil {
			return err
		}
	}
	tag, err := conn.Exec(ctx, "DELETE FROM idempotency_keys WHERE created_at < $1", now.Add(-answersKept))
	if err != nil {
		return fmt.Errorf("forget old idempotency keys: %w", err)
	}
	done.Expired = tag.RowsAffected()
	return nil
}

// dropOld drops the partitions that end before the oldest time to keep. A drop
// waits for the queries that run, and makes those that come wait behind it:
// the session's lock timeout bounds both, and the next round tries again.
func (w *Warehouse) dropOld(ctx context.Context, conn *pgxpool.Conn, oldest time.Time, done *Maintained) error {
	rows, err := conn.Query(ctx, "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "+
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
		if _, err := conn.Exec(ctx, "DROP TABLE "+m.table()); err != nil {
			return fmt.Errorf("drop the partition %s: %w", table, err)
		}
		w.months.forget()
		done.Dropped = append(done.Dropped, table)
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
