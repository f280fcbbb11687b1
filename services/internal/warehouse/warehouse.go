// Package warehouse keeps readings in PostgreSQL or in Redshift, which speaks
// the same protocol but has no ON CONFLICT and no COPY FROM STDIN. Start with
// Open; what differs between the two is in Migrate and insertStatement.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrUnavailable is returned, wrapped, while the database cannot be reached or
// its schema is not there yet; the same call may succeed later.
var ErrUnavailable = errors.New("the warehouse is not available")

// Warehouse is a pool of connections and what is known of its schema.
type Warehouse struct {
	pool     *pgxpool.Pool
	migrated atomic.Bool
	redshift atomic.Bool // known once migrated
}

// Open prepares a warehouse for a connection string without connecting, so
// that a process can start before its database does. Migrate makes it ready.
func Open(ctx context.Context, url string) (*Warehouse, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx has redacted the password.
		return nil, fmt.Errorf("read the warehouse's connection string: %w", err)
	}
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "sensor-api"
	}
	// Inserts come in many lengths, and a server keeps the plan of each
	// prepared statement for as long as the connection lives. The connection
	// string's default_query_exec_mode still decides when it names another.
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the warehouse's pool: %w", err)
	}
	return &Warehouse{pool: pool}, nil
}

// Close waits for running queries and closes every connection.
func (w *Warehouse) Close() { w.pool.Close() }

// Ready reports, as an error, why the warehouse cannot serve now.
func (w *Warehouse) Ready(ctx context.Context) error {
	if !w.migrated.Load() {
		return fmt.Errorf("%w: its schema is not migrated yet", ErrUnavailable)
	}
	if err := w.pool.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// classify marks errors that are the connection's rather than the query's.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	var pgErr *pgconn.PgError
	var connectErr *pgconn.ConnectError
	switch {
	case errors.As(err, &connectErr):
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	case errors.As(err, &pgErr) && unavailableState(pgErr.Code):
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// unavailableState knows the SQLSTATEs of a server that is starting, stopping
// or full, and of a schema that is not there yet.
func unavailableState(code string) bool {
	const undefinedTable = "42P01"
	if len(code) != 5 {
		return false
	}
	class := code[:2]
	return class == "57" || class == "53" || class == "08" || code == undefinedTable
}
