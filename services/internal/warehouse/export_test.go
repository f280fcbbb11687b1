package warehouse

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// OpenAsRedshift opens a PostgreSQL that is migrated, and speaks to it as to a
// Redshift. COPY, which it does not understand, is replaced by load.
func OpenAsRedshift(ctx context.Context, url string, s Staging, load func(ctx context.Context, tx pgx.Tx, key string) error) (*Warehouse, error) {
	s.load = load
	w, err := Open(ctx, url, Options{Staging: &s})
	if err != nil {
		return nil, err
	}
	w.prepared.Store(true)
	return w, nil
}

// CopyStatement is what Redshift is told to load an object with.
func (s *Staging) CopyStatement(key string) string { return s.copyStatement(key) }

// MigrateTo migrates to an older version of the schema.
func (w *Warehouse) MigrateTo(ctx context.Context, version int64) error {
	_, err := w.migrate(ctx, version)
	return err
}

// ExplainSensors is how PostgreSQL finds a page of sensors.
func (w *Warehouse) ExplainSensors(ctx context.Context, q SensorQuery) (string, error) {
	rows, err := w.pool.Query(ctx, "EXPLAIN "+sensorsPostgres, append([]any{pgx.QueryExecModeExec}, q.arguments()...)...)
	if err != nil {
		return "", err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(lines, "\n"), err
}

// Exec runs a statement.
func (w *Warehouse) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := w.pool.Exec(ctx, statement, args...)
	return err
}

// Partitions lists the tables of readings, the one of old readings left out.
func (w *Warehouse) Partitions(ctx context.Context) (names []string, err error) {
	err = w.pool.QueryRow(ctx, "SELECT coalesce(array_agg(inhrelid::regclass::text ORDER BY inhrelid::regclass::text), '{}') FROM pg_inherits "+
		"WHERE inhparent = 'readings'::regclass AND inhrelid <> 'readings_early'::regclass").Scan(&names)
	return names, err
}
