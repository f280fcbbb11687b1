// Package warehouse keeps readings in PostgreSQL or in Redshift, which speaks
// the same protocol but has no ON CONFLICT, no COPY FROM STDIN and no
// partitions. Start with Open; what differs between the two is in redshift.go.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sensor-backend/services/internal/tracing"
)

// ErrUnavailable is returned, wrapped, while the database cannot be reached or
// its schema is not there yet; the same call may succeed later.
var ErrUnavailable = errors.New("the warehouse is not available")

// ErrReadOnly is ErrUnavailable of a database that takes no writes now.
var ErrReadOnly = fmt.Errorf("%w: it takes no writes", ErrUnavailable)

// Warehouse is a pool of connections and what is known of its schema.
type Warehouse struct {
	pool     *pgxpool.Pool
	prepared atomic.Bool
	staging  *Staging // of Redshift; nil is PostgreSQL
	pooled   bool     // a pooler gives each transaction another session
	months   months
	replays  replays
}

// defaultConns is the size of the pool unless the connection string has
// pool_max_conns: a few more than the writers of the ingest queue.
const defaultConns = 10

// Options of a warehouse; the zero value is good.
type Options struct {
	Tracer *tracing.Tracer // nil is off
	// Staging makes the warehouse a Redshift's, and nil a PostgreSQL's.
	Staging *Staging
}

// Open makes a warehouse of a connection string without connecting, so that a
// process can start before its database does. Prepare makes it ready.
func Open(ctx context.Context, url string, options Options) (*Warehouse, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx has redacted the password.
		return nil, fmt.Errorf("read the warehouse's connection string: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = defaultConns
	}
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	// Behind a pooler in transaction mode, a session's settings are somebody
	// else's the next moment, and so are its prepared statements.
	pooled := cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeExec || cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
	if !pooled {
		cfg.AfterConnect = limitSession
	}
	if options.Tracer != nil {
		cfg.ConnConfig.Tracer = queryTracer{options.Tracer}
	}
	if options.Staging != nil {
		// Redshift has prepared statements by halves, sends some types as text
		// only, and does not say of itself what pgx wants to know before it puts
		// values into a statement (standard_conforming_strings). In this mode
		// each statement goes once, its values and rows beside it as text.
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "sensor-api"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the warehouse's pool: %w", err)
	}
	return &Warehouse{pool: pool, staging: options.Staging, pooled: pooled}, nil
}

// limitSession bounds what a session may hold on to: a query that its client
// has given up, a lock, an idle transaction. Redshift, which calls itself
// version 8, knows the first limit only.
func limitSession(ctx context.Context, conn *pgx.Conn) error {
	limits := "SET statement_timeout = 28000"
	major, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
	if major != "8" {
		limits += "; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 30000"
	}
	_, err := conn.PgConn().Exec(ctx, limits).ReadAll()
	return err
}

// Close waits for running queries and closes every connection.
func (w *Warehouse) Close() { w.pool.Close() }

// Stat is the state of the pool of connections.
func (w *Warehouse) Stat() *pgxpool.Stat { return w.pool.Stat() }

// Ready reports, as an error, why the warehouse cannot serve now: it has not
// been prepared, the database does not answer or takes no writes, or its schema is older than the
// one this program knows. A newer one serves: during a rolling update the old
// program runs beside the new one's schema.
func (w *Warehouse) Ready(ctx context.Context) error {
	if err := w.checkVersion(ctx); err != nil {
		return err
	}
	if err := w.checkWritable(ctx); err != nil {
		return err
	}
	return w.usable(ctx, "serve")
}

// checkWritable is an error while the database takes no writes. Its connections
// are then dropped, so that the next ones lead to the primary of that time.
func (w *Warehouse) checkWritable(ctx context.Context) error {
	if w.staging != nil {
		return nil
	}
	var refuses bool
	const doing = "ask whether the warehouse takes writes"
	err := w.read(doing, func() error {
		return w.pool.QueryRow(ctx, "SELECT current_setting('transaction_read_only')::boolean").Scan(&refuses)
	})
	if err != nil {
		return err
	}
	if refuses {
		w.pool.Reset()
		return fmt.Errorf("%s: %w", doing, ErrReadOnly)
	}
	return nil
}

// usable is an error until the warehouse is prepared. A request does not wait for the
// next try of KeepPreparing: once somebody has migrated the schema, the first request
// behind it is served.
func (w *Warehouse) usable(ctx context.Context, doing string) error {
	if w.prepared.Load() {
		return nil
	}
	if err := w.Prepare(ctx, false); err != nil {
		return fmt.Errorf("%s: %w: its schema is not migrated yet: %w", doing, ErrUnavailable, err)
	}
	return nil
}
