package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is a private PostgreSQL that listens on a socket in its own directory.
type server struct {
	dir     string
	url     string
	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended
	exit    error         // how it ended; read it behind exited
	log     *bytes.Buffer
}

func start(ctx context.Context) (*server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	postgres, err := find("postgres")
	if err != nil {
		return nil, err
	}
	// Not the test's own temporary directory: a socket's path is short.
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, exited: make(chan struct{}), log: &bytes.Buffer{}}
	if err := s.run(ctx, initdb, postgres); err != nil {
		s.stop()
		return nil, fmt.Errorf("start a private PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *server) run(ctx context.Context, initdb, postgres string) error {
	attributes, err := s.unprivileged()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	create := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--no-locale", "--no-sync")
	create.Dir, create.SysProcAttr = s.dir, attributes
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	s.process = exec.CommandContext(ctx, postgres, "-D", data, "-k", s.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	s.process.Dir, s.process.SysProcAttr = s.dir, attributes
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		return err
	}
	go func() {
		defer close(s.exited)
		s.exit = s.process.Wait()
	}()
	s.url = "postgres://postgres@/postgres?" + url.Values{"host": {s.dir}}.Encode()
	return s.ready(ctx)
}

// unprivileged makes root start the server as another user, which the server
// insists on, and gives that user the directory.
func (s *server) unprivileged() (*syscall.SysProcAttr, error) {
	attributes := dieWithParent()
	if os.Getuid() != 0 {
		return attributes, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attributes, os.Chown(s.dir, int(uid), int(gid))
	}
	return nil, errors.New("running as root, and there is neither a user postgres nor nobody to run it as")
}

// ready waits until the server takes connections.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("it ended: %w: %s", s.exit, bytes.TrimSpace(s.log.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("it takes no connections: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server at once, open connections or not, and removes its files.
func (s *server) stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGINT)
		select {
		case <-s.exited:
		case <-time.After(10 * time.Second):
			_ = s.process.Process.Kill()
			<-s.exited
		}
	}
	_ = os.RemoveAll(s.dir)
}

// find looks on PATH and then where Debian puts the server's programs.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	paths, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(paths) == 0 {
		return "", fmt.Errorf("no %s on PATH or under /usr/lib/postgresql: install PostgreSQL's server", name)
	}
	return paths[len(paths)-1], nil
}
