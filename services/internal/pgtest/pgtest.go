// Package pgtest gives tests a real PostgreSQL. A package that uses it has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// and each test calls URL for a database of its own. The server is the one of
// DATABASE_URL when that is set, otherwise a private one that is started with
// the initdb and postgres found on the machine and stopped after the tests.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// env names the variable that carries the server's address, from outside to
// Main and from Main to URL.
const env = "DATABASE_URL"

// Main runs a package's tests with a server and exits.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if os.Getenv(env) != "" {
		return m.Run(), nil
	}
	server, err := start(context.Background())
	if err != nil {
		return 0, fmt.Errorf("%w; or set %s to a server on which databases may be created", err, env)
	}
	defer server.stop()
	if err := os.Setenv(env, server.url); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// URL makes an empty database for one test and returns its address; it is
// dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(env)
	if server == "" {
		t.Fatalf("pgtest: %s is not set; call pgtest.Main from the package's TestMain", env)
	}
	address, err := url.Parse(server)
	if err != nil {
		t.Fatalf("pgtest: %s is not a URL: %v", env, err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	execute(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	address.Path = "/" + name
	return address.String()
}

// execute runs one statement on a connection of its own.
func execute(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("pgtest: %s: %v", statement, err)
	}
}
