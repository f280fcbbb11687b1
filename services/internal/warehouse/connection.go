package warehouse

import (
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// lostConnection tells a connection that broke under a statement from an
// error of the statement. Whether a write before it took effect is then not
// known; here it may be repeated, since a reading is stored once.
func lostConnection(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || errors.As(err, &network) && !network.Timeout()
}
