package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSecondWaitsAndSaysSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(t.Context(), path, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	got := make(chan error, 1)
	go func() {
		second, err := Acquire(t.Context(), path, writer)
		if err == nil {
			err = second.Release()
		}
		got <- err
	}()
	line := make([]byte, 200)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("another bootstrap (process %d)", os.Getpid())
	if !strings.HasPrefix(string(line[:n]), want) {
		t.Errorf("notice = %q, want it to begin with %q", line[:n], want)
	}
	select {
	case err := <-got:
		t.Fatalf("the second did not wait: %v", err)
	default:
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(t.Context(), path, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Release() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, path, &bytes.Buffer{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Acquire = %v, want the deadline", err)
	}
}

func TestFreeLockIsSilent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		var notice bytes.Buffer
		held, err := Acquire(t.Context(), path, &notice)
		if err != nil || notice.Len() != 0 {
			t.Fatalf("Acquire = %v, notice %q", err, notice.String())
		}
		if err := held.Release(); err != nil {
			t.Fatal(err)
		}
	}
}
