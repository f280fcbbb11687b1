package warehouse

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	tests := map[string]struct {
		err         error
		want        fault
		unavailable bool // 503 for the client
	}{
		"admin shutdown":       {state("57P01"), disconnected, true},
		"crash shutdown":       {state("57P02"), disconnected, true},
		"starting up":          {state("57P03"), unavailable, true},
		"session timed out":    {state("57P05"), disconnected, true},
		"transaction idle":     {state("25P03"), disconnected, true},
		"statement timed out":  {state("57014"), unavailable, true},
		"too many connections": {state("53300"), unavailable, true},
		"disk full":            {state("53100"), unavailable, true},
		"connection failure":   {state("08006"), unavailable, true},
		"protocol violation":   {state("08P01"), unavailable, true},
		"read only":            {state("25006"), readOnly, true},
		"plan left behind":     {state("0A000"), stalePlan, true},
		"statement is gone":    {state("26000"), stalePlan, true},
		"statement is there":   {state("42P05"), stalePlan, true},
		"lock not available":   {state("55P03"), unavailable, true},
		"no table":             {state("42P01"), unavailable, true},
		"serialization":        {state("40001"), lostRace, true},
		"deadlock":             {state("40P01"), lostRace, true},
		"outcome unknown":      {state("40003"), lostRace, true},
		"disk broken":          {state("58030"), unavailable, true},
		"out of memory":        {state("53200"), unavailable, true},
		"pooler is full":       {state("08P01"), unavailable, true},
		"password changed":     {&pgconn.ConnectError{}, unavailable, true},
		"host is gone":         {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, disconnected, true},
		"the query's time":     {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, statementFault, false},
		"duplicate":            {state("23505"), duplicate, false},
		"no partition":         {state("23514"), noPartition, false},
		"out of range":         {state("22003"), outOfRange, false},
		"syntax error":         {state("42601"), statementFault, false},
		"no privilege":         {state("42501"), statementFault, false},
		"not a code":           {state("x"), statementFault, false},
		"connection closed":    {io.ErrUnexpectedEOF, disconnected, true},
		"network":              {&net.OpError{Op: "read", Err: errors.New("reset")}, disconnected, true},
		"refused at the door":  {&pgconn.ConnectError{}, unavailable, true},
		"the caller's time":    {context.DeadlineExceeded, statementFault, false},
		"something else":       {errors.New("oops"), statementFault, false},
	}
	for name, test := range tests {
		if got := faultOf(test.err); got != test.want {
			t.Errorf("%s: fault %d, want %d", name, got, test.want)
		}
		err := classify("do", test.err)
		if !errors.Is(err, test.err) || errors.Is(err, ErrUnavailable) != test.unavailable || errors.Is(err, ErrReadOnly) != (test.want == readOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
