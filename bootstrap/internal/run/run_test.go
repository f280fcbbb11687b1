package run

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOutputTrims(t *testing.T) {
	t.Parallel()
	got, err := Output(t.Context(), System{}, Command{Name: "sh", Args: []string{"-c", "echo; echo $WORD"}, Env: []string{"WORD=hello"}})
	if err != nil || got != "hello" {
		t.Fatalf("Output = %q, %v", got, err)
	}
}

func TestFailureNamesCommandAndTail(t *testing.T) {
	t.Parallel()
	err := System{}.Run(t.Context(), Command{Name: "sh", Args: []string{"-c", "echo the reason >&2; exit 3"}})
	var failed *Error
	if !errors.As(err, &failed) || failed.Tail != "the reason" {
		t.Fatalf("Run = %v, want an Error with the reason", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("Run = %v, want exit status 3 inside", err)
	}
	if !strings.HasPrefix(err.Error(), "sh -c ") {
		t.Errorf("error %q does not begin with the command", err)
	}
}

func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	kept := &tail{limit: 5}
	for _, part := range []string{"abc", "defgh", "ij"} {
		if _, err := kept.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if kept.String() != "fghij" {
		t.Errorf("tail = %q, want the last five", kept)
	}
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "pid")
	done := make(chan error, 1)
	go func() {
		done <- System{}.Run(ctx, Command{Name: "sh", Args: []string{"-c", "sleep 60 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; wait"}})
	}()
	var pid int
	for pid == 0 {
		if content, err := os.ReadFile(file); err == nil {
			if pid, err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("Run = %v, want canceled", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for running(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// running is false for a zombie that nobody has collected yet.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
