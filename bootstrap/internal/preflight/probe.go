package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/registry"
	"sensor-backend/bootstrap/internal/run"
)

// LookForTools asks for Docker, Podman and dagger. runner is the address of an engine
// that the environment names.
func LookForTools(ctx context.Context, ex run.Executor, runner string) Tools {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tools := Tools{Root: os.Geteuid() == 0}
	if runner != engine.Address {
		tools.Runner = runner
	}
	for _, c := range []struct{ name, program, format string }{
		{"Docker", "docker", "{{.Server.Version}}"}, {"Podman", "podman", "{{.Client.Version}}"},
	} {
		if tools.Runtime != "" {
			break
		}
		if _, err := run.Output(ctx, ex, run.Command{Name: c.program, Args: []string{"version", "--format", c.format}}); err == nil {
			tools.Runtime = c.name
		}
	}
	if tools.engine() == "" {
		return tools
	}
	if out, err := run.Output(ctx, ex, run.Command{Name: "dagger", Args: []string{"version"}}); err == nil {
		tools.Dagger = DaggerVersion(out)
	}
	return tools
}

// DaggerVersion picks the version out of the answer of `dagger version`.
func DaggerVersion(out string) string {
	fields := strings.Fields(out)
	if len(fields) < 2 || fields[0] != "dagger" {
		return ""
	}
	return fields[1]
}

// Free gives the bytes that may be written below dir, which need not exist.
func Free(dir string) (uint64, error) {
	for {
		var stat syscall.Statfs_t
		err := syscall.Statfs(dir, &stat)
		if errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("ask for free disk space at %s: %w", dir, err)
		}
		//nolint:gosec // The kernel gives no negative block size.
		return stat.Bavail * uint64(stat.Bsize), nil
	}
}

// LookAtPort finds out who is at the registry's address. ours is the process
// that was started from here, or zero.
func LookAtPort(ctx context.Context, address string, ours int) Port {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return Port{}
	}
	_ = conn.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v2/", nil)
	if err != nil {
		return Port{Taken: true}
	}
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		return Port{Taken: true}
	}
	_ = response.Body.Close()
	pid := response.Header.Get(registry.Header)
	if pid == strconv.Itoa(ours) {
		return Port{Taken: true, Ours: true}
	}
	return Port{Taken: true, Registry: pid}
}

// LookAtEngine finds out who is at the engine's socket. ours is the process
// that was started from here, or zero.
func LookAtEngine(ctx context.Context, ex run.Executor, socket string, ours int) (Engine, error) {
	pid, err := engine.Listener(ctx, socket)
	if errors.Is(err, engine.ErrNobody) {
		return Engine{}, nil
	}
	if err != nil {
		return Engine{}, err
	}
	found := Engine{Listening: true, PID: pid, Ours: pid == ours}
	if version, err := engine.VersionOf(ctx, ex, pid); err == nil {
		found.Version = version
	}
	return found, nil
}

// ReachPackages checks Debian's mirror.
func ReachPackages(ctx context.Context, archive, suite string) error {
	if !strings.HasPrefix(archive, "http") {
		return nil
	}
	return Reach("Debian packages at "+archive, head(ctx, strings.TrimSuffix(archive, "/")+"/dists/"+suite+"/InRelease"))
}

// ReachModules checks that Go modules can be had, in Go's own way and with all
// its settings: it asks for the versions of the module that is built.
func ReachModules(ctx context.Context, ex run.Executor) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := run.Output(ctx, ex, run.Command{
		Name: "go", Args: []string{"list", "-m", "github.com/dagger/dagger@" + engine.Version},
		Dir: os.TempDir(), Env: []string{"GOWORK=off", "GOFLAGS=-mod=mod"},
	})
	return Reach("Go modules", err)
}

func head(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
