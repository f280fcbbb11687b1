package warehouse

import (
	"context"
	"embed"
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

// Migrate brings the schema up to date. Any number of processes may call it at
// once: on PostgreSQL an advisory lock lets one of them work at a time.
func (w *Warehouse) Migrate(ctx context.Context) error {
	redshift, err := w.isRedshift(ctx)
	if err != nil {
		return classify("ask the warehouse for its version", err)
	}
	dialect, dir := goose.DialectPostgres, "migrations/postgres"
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if redshift {
		dialect, dir = goose.DialectRedshift, "migrations/redshift"
	} else {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return fmt.Errorf("set up the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("open the embedded migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(w.pool)
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		_ = db.Close()
		return fmt.Errorf("set up the migrations: %w", err)
	}
	_, err = provider.Up(ctx)
	if closeErr := provider.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return classify("migrate the warehouse", err)
	}
	w.redshift.Store(redshift)
	w.migrated.Store(true)
	return nil
}

// KeepMigrating calls Migrate until it succeeds or ctx ends, waiting longer
// after each failure. It is how a process outlives a database that is late.
func (w *Warehouse) KeepMigrating(ctx context.Context, log *slog.Logger) {
	const longest = 10 * time.Second
	wait := 250 * time.Millisecond
	for {
		err := w.Migrate(ctx)
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

func (w *Warehouse) isRedshift(ctx context.Context) (bool, error) {
	var version string
	if err := w.pool.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return false, err
	}
	return strings.Contains(version, "Redshift"), nil
}
