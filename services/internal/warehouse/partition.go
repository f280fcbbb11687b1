package warehouse

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// month names a partition: the months since January of year 0, UTC.
type month int

func monthOf(t time.Time) month {
	t = t.UTC()
	return month(t.Year()*12 + int(t.Month()) - 1)
}

func (m month) start() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// table is made of digits only behind the prefix, so it needs no quoting.
func (m month) table() string { return m.start().Format(partitionLayout) }

const partitionLayout = "readings_2006_01"

// months remembers which partitions are there, so that an insert asks the
// database only about those it has not met.
type months struct {
	mu    sync.RWMutex
	seen  map[month]struct{}
	first month // whose readings have a table of their month; 0 is not known yet
}

func (m *months) missing(readings []reading.Reading) []month {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var missing []month
	last := month(-1)
	for _, r := range readings {
		at := monthOf(r.Timestamp)
		if at == last {
			continue
		}
		last = at
		if at < m.first {
			continue // in the table of old readings
		}
		if _, ok := m.seen[at]; !ok {
			missing = append(missing, at)
		}
	}
	return missing
}

func (m *months) add(found month) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[month]struct{}{}
	}
	m.seen[found] = struct{}{}
}

// forget makes the next insert ask again, after another process has dropped a
// partition that this one knew.
func (m *months) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.seen)
}

// Keys of the advisory locks, which all programs on one database share.
const (
	partitionLock   = 7_261_001 // held while partitions are made or dropped
	maintenanceLock = 7_261_002 // held by the one process that maintains
)

// makePartition makes the table of a month if it is not there. The table is
// attached rather than made in place: that does not wait for running queries.
func (w *Warehouse) makePartition(ctx context.Context, m month) error {
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(partitionLock)); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", m.table()).Scan(&there); err != nil || there {
			return err
		}
		statement := fmt.Sprintf("CREATE TABLE %[1]s (LIKE readings INCLUDING ALL); "+
			"ALTER TABLE readings ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')",
			m.table(), m.start().Format(time.RFC3339), (m + 1).start().Format(time.RFC3339))
		_, err := tx.Conn().PgConn().Exec(ctx, statement).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("make the partition %s: %w", m.table(), err)
	}
	w.months.add(m)
	return nil
}

// ensurePartitions makes the tables that the readings need. What is older than
// the first month with a table of its own needs none.
func (w *Warehouse) ensurePartitions(ctx context.Context, readings []reading.Reading) error {
	if w.staging != nil {
		return nil
	}
	missing := w.months.missing(readings)
	if len(missing) == 0 {
		return nil
	}
	first, err := w.firstMonth(ctx)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if m < first {
			continue
		}
		if err := w.makePartition(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// firstMonth asks where the table of old readings ends, once.
func (w *Warehouse) firstMonth(ctx context.Context) (month, error) {
	w.months.mu.RLock()
	first := w.months.first
	w.months.mu.RUnlock()
	if first != 0 {
		return first, nil
	}
	var end time.Time
	err := w.pool.QueryRow(ctx, `SELECT (regexp_match(pg_get_expr(relpartbound, oid), 'TO \(''(.*)''\)'))[1]::timestamptz
		FROM pg_class WHERE oid = 'readings_early'::regclass`).Scan(&end)
	if err != nil {
		return 0, fmt.Errorf("ask where the table of old readings ends: %w", err)
	}
	first = monthOf(end)
	w.months.mu.Lock()
	w.months.first = first
	w.months.mu.Unlock()
	return first, nil
}
