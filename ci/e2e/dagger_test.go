//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// result is what a dagger command printed and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

// dagger runs `dagger call` in the repository with more environment variables.
func dagger(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return daggerIn(t, repository(t), env, args...)
}

// daggerIn is dagger in a checkout elsewhere.
func daggerIn(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "dagger", append([]string{"--progress=plain", "call"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run dagger: %v", err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// succeeds is dagger for calls that must end well.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	r := dagger(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("dagger call %q ended with %d:\n%s\n%s", args, r.code, r.stdout, tail(r.stderr))
	}
	return r.stdout
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// repository is the root of the working tree.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// altered is a copy of a directory of the repository with some files written
// over.
func altered(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	source := filepath.Join(repository(t), dir)
	copied := filepath.Join(t.TempDir(), dir)
	err := filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		target := filepath.Join(copied, relative)
		switch {
		case entry.Name() == ".terraform":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	writeOver(t, copied, files)
	return copied
}

// writeOver writes files over those of a directory.
func writeOver(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// edited is a file of the repository with one text in place of another.
func edited(t *testing.T, file, before, after string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(t), file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(before)) {
		t.Fatalf("%s does not contain %q", file, before)
	}
	return string(bytes.Replace(content, []byte(before), []byte(after), 1))
}

// emulator brings an emulated AWS up for the test and returns the addresses of
// its APIs and of its load balancer.
func emulator(t *testing.T) (address, balancer string) {
	t.Helper()
	apiPort, balancerPort := freePort(t), freePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "dagger", "--progress=plain", "call", "emulator", "up",
		"--ports", fmt.Sprintf("%d:4566", apiPort), "--ports", fmt.Sprintf("%d:8000", balancerPort))
	cmd.Dir = repository(t)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Logf("the emulator ended: %v", err)
		}
	})
	address, balancer = fmt.Sprintf("localhost:%d", apiPort), fmt.Sprintf("localhost:%d", balancerPort)
	limit := time.After(5 * time.Minute)
	for {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/_emulator/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return address, balancer
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the emulator ended: %v\n%s", err, tail(output.String()))
		case <-limit:
			t.Fatalf("the emulator is not up:\n%s", tail(output.String()))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("no TCP address: %v", listener.Addr())
	}
	return address.Port
}
