package warehouse

import "context"

// SpeakRedshift makes w use the statements meant for Redshift, all of which
// PostgreSQL understands too.
func (w *Warehouse) SpeakRedshift() { w.redshift.Store(true) }

// MigrateTo migrates to an older version of the schema.
func (w *Warehouse) MigrateTo(ctx context.Context, version int64) error {
	_, err := w.migrate(ctx, version)
	return err
}

// Exec runs a statement.
func (w *Warehouse) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := w.pool.Exec(ctx, statement, args...)
	return err
}

// Partitions lists the tables of readings.
func (w *Warehouse) Partitions(ctx context.Context) (names []string, err error) {
	err = w.pool.QueryRow(ctx, "SELECT coalesce(array_agg(inhrelid::regclass::text ORDER BY inhrelid::regclass::text), '{}') FROM pg_inherits "+
		"WHERE inhparent = 'readings'::regclass").Scan(&names)
	return names, err
}
