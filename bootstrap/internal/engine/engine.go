// Package engine puts a Dagger engine's parts in their places and talks to it.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sensor-backend/bootstrap/internal/cacerts"
	"sensor-backend/bootstrap/internal/run"
)

// Version is the engine's, and that of everything built with it.
const Version = "v0.19.10"

// Socket is where the engine listens.
const Socket = "/run/dagger/engine.sock"

// Address is how a client names the socket.
const Address = "unix://" + Socket

// RunnerVariable tells the client which engine to use.
const RunnerVariable = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"

// SDKVariable tells the engine which image is the Go SDK.
const SDKVariable = "DAGGER_GO_SDK_MANIFEST_DIGEST"

// Packages are the programs of Dagger to build.
func Packages() []string {
	const module = "github.com/dagger/dagger/cmd/"
	return []string{module + "codegen", module + "dagger", module + "dnsname", module + "engine", module + "init"}
}

// Variables are what the linker sets in them.
func Variables() map[string]string {
	const pkg = "github.com/dagger/dagger/engine."
	return map[string]string{pkg + "Version": Version, pkg + "Tag": Version}
}

// Config is the engine's configuration: the public names of images resolve to
// the registry at address.
func Config(address string) ([]byte, error) {
	plain := map[string]any{"http": true}
	config := map[string]any{
		"registries": map[string]any{
			"docker.io": map[string]any{"mirrors": []string{address}},
			address:     plain,
		},
	}
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the engine's configuration: %w", err)
	}
	return append(content, '\n'), nil
}

// Files says where the parts come from; Root is the file system they go to.
type Files struct {
	Root string
	// Programs is the directory of the built programs.
	Programs string
	// Helpers is a directory for programs that the engine finds before the
	// machine's.
	Helpers string
	// Content is the blob directory's parent in the Go SDK's layout.
	Content string
	// Config is the content of engine.json.
	Config []byte
	// Certificates are authorities to add to those that containers trust.
	Certificates []byte
}

// CertificatesFile is the name of the file of added authorities.
const CertificatesFile = "sensor-backend.crt"

// dnsmasq keeps the engine's name server to the engine's own bridge. Without
// it, it would take port 53 of every address of the machine.
const dnsmasq = `#!/bin/sh
exec /usr/sbin/dnsmasq --bind-dynamic "$@"
`

// nothing stands before the machine's update-ca-certificates, which the engine
// would call at its start, for seconds: the machine's bundle is its owner's to keep.
const nothing = "#!/bin/sh\nexit 0\n"

// links lead from where the engine looks to where Debian has a program.
func links() map[string]string {
	return map[string]string{
		"usr/local/bin/runc":     "/usr/sbin/runc",
		"opt/cni/bin/bridge":     "/usr/lib/cni/bridge",
		"opt/cni/bin/firewall":   "/usr/lib/cni/firewall",
		"opt/cni/bin/host-local": "/usr/lib/cni/host-local",
		"opt/cni/bin/loopback":   "/usr/lib/cni/loopback",
	}
}

// Install puts the parts where the engine looks. What the machine already has
// of its own there (a runc, a plugin) stays.
func Install(f Files) error {
	for path, target := range links() {
		path = filepath.Join(f.Root, path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := replaceLink(path, target); err != nil {
			return err
		}
	}
	if err := replaceLink(filepath.Join(f.Root, "usr/local/share/dagger/content"), f.Content); err != nil {
		return err
	}
	for name, path := range map[string]string{"init": "usr/local/bin/dagger-init", "dnsname": "opt/cni/bin/dnsname"} {
		content, err := os.ReadFile(filepath.Join(f.Programs, name))
		if err != nil {
			return fmt.Errorf("read the engine's %s: %w", name, err)
		}
		if err := replaceFile(filepath.Join(f.Root, path), content, 0o755); err != nil {
			return err
		}
	}
	for name, script := range map[string]string{"dnsmasq": dnsmasq, "update-ca-certificates": nothing, "c_rehash": nothing} {
		if err := replaceFile(filepath.Join(f.Helpers, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	if len(f.Certificates) > 0 {
		path := filepath.Join(f.Root, cacerts.Dir, CertificatesFile)
		if err := replaceFile(path, f.Certificates, 0o644); err != nil {
			return err
		}
	}
	return replaceFile(filepath.Join(f.Root, "etc/dagger/engine.json"), f.Config, 0o644)
}

// ErrNobody says that nothing listens on the socket.
var ErrNobody = errors.New("nothing listens on " + Socket)

// Listener gives the process that listens on the socket at path.
func Listener(ctx context.Context, path string) (int, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return 0, ErrNobody
	}
	if err != nil {
		return 0, fmt.Errorf("connect to the engine: %w", err)
	}
	defer func() { _ = conn.Close() }()
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("connect to the engine: got a %T", conn)
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", path, err)
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", path, err)
	}
	if credErr != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", path, credErr)
	}
	return int(cred.Pid), nil
}

// VersionOf asks the running program of a process for the engine's version.
func VersionOf(ctx context.Context, ex run.Executor, pid int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := run.Output(ctx, ex, run.Command{Name: fmt.Sprintf("/proc/%d/exe", pid), Args: []string{"--version"}})
	if err != nil {
		return "", fmt.Errorf("ask process %d for its version: %w", pid, err)
	}
	for _, word := range strings.Fields(out) {
		if len(word) > 1 && word[0] == 'v' && word[1] >= '0' && word[1] <= '9' {
			return word, nil
		}
	}
	return "", fmt.Errorf("process %d answers %q, which names no version", pid, out)
}

// Wait returns when the process listens on the socket, or alive says that it
// does not run any more.
func Wait(ctx context.Context, pid int, alive func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if !alive() {
			return errors.New("the engine ended while starting")
		}
		if got, err := Listener(ctx, Socket); err == nil && got == pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the engine to listen on %s: %w", Socket, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func replaceLink(path, target string) error {
	if current, err := os.Readlink(path); err == nil && current == target {
		return nil
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory that this program did not make; move it away", path)
	}
	//nolint:gosec // System directories, which everybody reads.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the parent of %s: %w", path, err)
	}
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the leftover %s: %w", next, err)
	}
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return nil
}

func replaceFile(path string, content []byte, mode os.FileMode) error {
	if current, err := os.ReadFile(path); err == nil && bytes.Equal(current, content) {
		return nil
	}
	//nolint:gosec // System directories, which everybody reads.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the parent of %s: %w", path, err)
	}
	next := path + ".new"
	//nolint:gosec // The paths are this package's own.
	if err := os.WriteFile(next, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("put %s in place: %w", path, err)
	}
	return nil
}
