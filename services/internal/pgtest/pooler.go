package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Pooler puts a PgBouncer in transaction mode, with two sessions, before the
// database of an address, and returns the address of the database there. The
// test is skipped where there is no PgBouncer: it is Debian's pgbouncer.
func Pooler(t testing.TB, database string) string {
	t.Helper()
	program, err := exec.LookPath(cmp.Or(os.Getenv("PGBOUNCER"), "pgbouncer"))
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !exists(program) {
			t.Skip("there is no pgbouncer on PATH, install it to test a pooler in transaction mode")
		}
	}
	target, err := url.Parse(database)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s := &server{exited: make(chan struct{}), log: &bytes.Buffer{}}
	if s.dir, err = os.MkdirTemp("", "pooler"); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(s.stop)
	if s.url, err = s.pool(context.WithoutCancel(t.Context()), program, target); err != nil {
		t.Fatalf("pgtest: start PgBouncer: %v", err)
	}
	if err := s.ready(context.WithoutCancel(t.Context())); err != nil {
		t.Fatalf("pgtest: PgBouncer: %v", err)
	}
	return s.url
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// pool writes the settings of a pooler before a database and starts it.
func (s *server) pool(ctx context.Context, program string, target *url.URL) (string, error) {
	attributes, err := s.unprivileged()
	if err != nil {
		return "", err
	}
	host, port, user := target.Hostname(), target.Port(), target.User.Username()
	if socket := target.Query().Get("host"); socket != "" {
		host = socket
	}
	if port == "" {
		port = "5432"
	}
	login := "user=" + user
	if password, ok := target.User.Password(); ok {
		login += " password=" + password
	}
	settings := fmt.Sprintf("[databases]\n* = host=%s port=%s %s\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 2\n"+
		"listen_addr =\nunix_socket_dir = %s\nlisten_port = 6432\nauth_type = any\nlogfile = %s\n", host, port, login, s.dir, filepath.Join(s.dir, "log"))
	file := filepath.Join(s.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o644); err != nil { //nolint:gosec // in a new directory, for a pooler that runs as another user
		return "", err
	}
	s.process = exec.CommandContext(ctx, program, "-q", file) //nolint:gosec // running the pooler that it is given is what this is for
	s.process.Dir, s.process.SysProcAttr = s.dir, attributes
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		return "", err
	}
	go func() {
		defer close(s.exited)
		s.exit = s.process.Wait()
	}()
	query := url.Values{"host": {s.dir}, "port": {"6432"}}
	return "postgres://" + user + "@" + target.Path + "?" + query.Encode(), nil
}
