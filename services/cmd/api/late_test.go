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

// gate is an address that leads to the database while it is open.
type gate struct {
	address  string
	network  string
	target   string
	mu       sync.Mutex
	closed   bool
	sessions map[net.Conn]struct{}
}

func newGate(t *testing.T, database string) *gate {
	t.Helper()
	return newGateAt(t, "127.0.0.1:0", database)
}

func newGateAt(t *testing.T, address, database string) *gate {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg := parse(t, database)
	g := &gate{address: listener.Addr().String(), sessions: map[net.Conn]struct{}{}}
	g.network, g.target = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		g.shut()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if g.isShut() { // nor does the database hear of it
				_ = client.Close()
				continue
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), g.network, g.target)
			if err != nil || !g.let(client, server) {
				_ = client.Close()
				continue
			}
			wg.Go(func() { pipe(client, server) })
			wg.Go(func() { pipe(server, client) })
		}
	})
	return g
}

// let remembers a session, unless the gate is shut.
func (g *gate) let(client, server net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = server.Close()
		return false
	}
	g.sessions[client], g.sessions[server] = struct{}{}, struct{}{}
	return true
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// shut breaks every session and lets no new one through.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for session := range g.sessions {
		_ = session.Close()
	}
	clear(g.sessions)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

// pipe copies one direction and closes both ends behind it.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}
