package warehouse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// fault is what an error of the database means for who asked.
type fault int

const (
	// statementFault is the statement's own: repeating it changes nothing.
	statementFault fault = iota
	// unavailable is a server that starts, is full or is too busy, or a schema
	// that is not there yet: later it may be better.
	unavailable
	// disconnected is a session that ended under its statement: on another one
	// the same may succeed at once.
	disconnected
	// readOnly is a server that takes no writes, as the old primary behind a
	// failover: its connections lead to the wrong place.
	readOnly
	// stalePlan is a prepared statement that the schema, or a pooler, has left
	// behind: prepared anew it is right.
	stalePlan
	// lostRace is two transactions in each other's way, of which the other went
	// on: writers, or a query of a replica and what that has to replay.
	lostRace
	// duplicate is a reading that is stored already.
	duplicate
	// noPartition is a reading whose table is not there.
	noPartition
	// outOfRange is a sum that a number cannot hold.
	outOfRange
)

// undefinedTable is also how a schema shows that was never made.
const undefinedTable = "42P01"

// faultOfState reads a SQLSTATE (PostgreSQL's documentation, appendix A). What
// Redshift reports has the same codes.
func faultOfState(code string) fault {
	switch code {
	case "57P01", "57P02", "57P05": // admin_shutdown, crash_shutdown, idle_session_timeout
		return disconnected
	case "25P03": // idle_in_transaction_session_timeout
		return disconnected
	case "25006": // read_only_sql_transaction
		return readOnly
	case "0A000", // feature_not_supported: "cached plan must not change result type"
		"26000", // invalid_sql_statement_name: a pooler gave the session to somebody else
		"42P05": // duplicate_prepared_statement: likewise
		return stalePlan
	case "23505": // unique_violation
		return duplicate
	case "23514": // check_violation
		return noPartition
	case "22003": // numeric_value_out_of_range
		return outOfRange
	case undefinedTable, "55P03": // lock_not_available
		return unavailable
	}
	if len(code) != 5 {
		return statementFault
	}
	switch code[:2] {
	case "40": // transaction_rollback: serialization_failure, deadlock_detected
		return lostRace
	case "08", "53", "57", "58": // connection_exception, insufficient_resources, operator_intervention, system_error
		return unavailable
	}
	return statementFault
}

func faultOf(err error) fault {
	var pgErr *pgconn.PgError
	var connectErr *pgconn.ConnectError
	switch {
	case err == nil:
		return statementFault
	case errors.As(err, &connectErr):
		return unavailable
	case errors.As(err, &pgErr):
		return faultOfState(pgErr.Code)
	case lostConnection(err):
		return disconnected
	}
	return statementFault
}

// lostConnection tells a connection that broke under a statement from an
// error of the statement. Whether a write before it took effect is then not
// known; here it may be repeated, since a reading is stored once.
func lostConnection(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ETIMEDOUT) || // of a host that is gone; other timeouts are the caller's
		pgconn.SafeToRetry(err) || errors.As(err, &network) && !network.Timeout()
}

// stateOf is PostgreSQL's code for an error (SQLSTATE), empty for any other error.
func stateOf(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	return pgErr.Code
}

// classify says what was being done, and marks errors that are not the
// statement's.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch faultOf(err) {
	case readOnly:
		return fmt.Errorf("%s: %w: %w", doing, ErrReadOnly, err)
	case unavailable, disconnected, stalePlan, lostRace:
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// renewable knows the faults that are gone on a connection that is made anew.
func (f fault) renewable() bool { return f == disconnected || f == stalePlan }

// read runs a query, once more on new connections where that helps: those of a
// pool all date from before a restart, or before a change of the schema. One that
// lost a race is tried once more as well.
func (w *Warehouse) read(doing string, query func() error) error {
	err := query()
	switch f := faultOf(err); {
	case f.renewable():
		w.pool.Reset()
		err = query()
	case f == lostRace:
		err = query()
	}
	return classify(doing, err)
}
