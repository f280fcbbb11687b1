package warehouse

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// dialect returns goose's name of the database and the migrations for it.
func (w *Warehouse) dialect() (goose.Dialect, fs.FS, error) {
	dialect, dir := goose.DialectPostgres, "migrations/postgres"
	if w.staging != nil {
		dialect, dir = goose.DialectRedshift, "migrations/redshift"
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return dialect, nil, fmt.Errorf("open the embedded migrations: %w", err)
	}
	return dialect, files, nil
}

// Migrate brings the schema up to date and returns its version. Any number of
// processes may call it at once: on PostgreSQL an advisory lock lets one of
// them work at a time.
func (w *Warehouse) Migrate(ctx context.Context) (int64, error) {
	return w.migrate(ctx, newest)
}

const newest = 0

func (w *Warehouse) migrate(ctx context.Context, to int64) (int64, error) {
	if err := w.askWhich(ctx); err != nil {
		return 0, err
	}
	if w.pooled && w.staging == nil {
		return 0, errors.New("the connection string says default_query_exec_mode, as for a pooler in transaction mode: " +
			"migrations hold a lock of their session, so set MIGRATE_ON_START=false and run api migrate with the database's own address")
	}
	dialect, files, err := w.dialect()
	if err != nil {
		return 0, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if w.staging == nil {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return 0, fmt.Errorf("set up the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	db := stdlib.OpenDBFromPool(w.pool)
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		_ = db.Close()
		return 0, fmt.Errorf("set up the migrations: %w", err)
	}
	if to == newest {
		_, err = provider.Up(ctx)
	} else {
		_, err = provider.UpTo(ctx, to)
	}
	version := int64(0)
	if err == nil {
		version, err = provider.GetDBVersion(ctx)
	}
	if err := errors.Join(err, provider.Close()); err != nil {
		return 0, classify("migrate the warehouse", err)
	}
	return version, nil
}

// askWhich asks whether the database is the one that w speaks to.
func (w *Warehouse) askWhich(ctx context.Context) error {
	var version string
	err := w.read("ask the warehouse for its version", func() error {
		return w.pool.QueryRow(ctx, "SELECT version()").Scan(&version)
	})
	if err != nil {
		return err
	}
	switch redshift := strings.Contains(version, "Redshift"); {
	case redshift && w.staging == nil:
		return errors.New("the warehouse is a Redshift: set REDSHIFT_STAGING_BUCKET and REDSHIFT_COPY_ROLE_ARN, it loads batches through a bucket")
	case !redshift && w.staging != nil:
		return errors.New("the warehouse is a PostgreSQL: unset REDSHIFT_STAGING_BUCKET and REDSHIFT_COPY_ROLE_ARN, or let DATABASE_URL lead to a Redshift")
	}
	return nil
}

// checkVersion is an error when the schema is older than this program's.
func (w *Warehouse) checkVersion(ctx context.Context) error {
	_, files, err := w.dialect()
	if err != nil {
		return err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return fmt.Errorf("list the embedded migrations: %w", err)
	}
	var expected, there int64
	for _, name := range names {
		number, err := goose.NumericComponent(name)
		if err != nil {
			return fmt.Errorf("read the number of migration %s: %w", name, err)
		}
		expected = max(expected, number)
	}
	const newestApplied = "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied"
	err = w.read("ask for the schema's version", func() error { return w.pool.QueryRow(ctx, newestApplied).Scan(&there) })
	if err != nil && stateOf(err) != undefinedTable {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if there < expected {
		return fmt.Errorf("%w: %w", ErrUnavailable, &SchemaError{There: there, Expected: expected})
	}
	return nil
}

// SchemaError is a schema that is older than this program's.
type SchemaError struct {
	There    int64 // 0 when it was never made
	Expected int64
}

// Error says what to do about it.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("its schema has version %d and this program needs %d, run the migrations", e.There, e.Expected)
}

// Prepare makes the warehouse ready for use: it migrates the schema when told
// to, and otherwise only looks whether somebody has.
func (w *Warehouse) Prepare(ctx context.Context, migrate bool) error {
	if migrate {
		if _, err := w.Migrate(ctx); err != nil {
			return err
		}
	} else if err := w.askWhich(ctx); err != nil {
		return err
	}
	if err := w.checkVersion(ctx); err != nil {
		return err
	}
	w.prepared.Store(true)
	return nil
}

// KeepPreparing calls Prepare until it succeeds or ctx ends, waiting longer
// after each failure. It is how a process outlives a database that is late.
func (w *Warehouse) KeepPreparing(ctx context.Context, log *slog.Logger, migrate bool) {
	const longest = 10 * time.Second
	wait := 250 * time.Millisecond
	for {
		err := w.Prepare(ctx, migrate)
		if err == nil {
			log.InfoContext(ctx, "warehouse ready")
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "warehouse not ready, trying again", "error", err, "wait", wait.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longest)
	}
}
