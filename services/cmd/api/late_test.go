package main

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func parse(t *testing.T, database string) *pgconn.Config {
	t.Helper()
	cfg, err := pgconn.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// userOf returns the user, with the password where there is one.
func userOf(t *testing.T, database string) string {
	t.Helper()
	cfg := parse(t, database)
	if cfg.Password == "" {
		return url.User(cfg.User).String()
	}
	return url.UserPassword(cfg.User, cfg.Password).String()
}

func nameOf(t *testing.T, database string) string {
	t.Helper()
	return parse(t, database).Database
}

// forward makes an address lead to the database, from now to the test's end.
func forward(t *testing.T, address, database string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg := parse(t, database)
	network, target := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), network, target)
			if err != nil {
				_ = client.Close()
				continue
			}
			wg.Go(func() { pipe(client, server) })
			wg.Go(func() { pipe(server, client) })
		}
	})
}

// pipe copies one direction and closes both ends behind it.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}
