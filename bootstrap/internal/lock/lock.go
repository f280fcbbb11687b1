// Package lock makes two bootstraps on one cache directory wait for each other.
package lock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// Lock is held until Release, or until the process ends in whatever way.
type Lock struct{ file *os.File }

// Acquire takes the lock at path. When another process holds it, Acquire says
// so once on notice and waits until it is free or ctx ends.
func Acquire(ctx context.Context, path string, notice io.Writer) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	told := false
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			told = true
			if _, err := fmt.Fprintf(notice, "another bootstrap%s is at work on this cache directory; waiting for it\n", holder(path)); err != nil {
				_ = file.Close()
				return nil, fmt.Errorf("report the wait: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("wait for the lock %s: %w", path, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
	if err := file.Truncate(0); err == nil {
		_, err = file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("write the lock %s: %w", path, err)
		}
	}
	return &Lock{file: file}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release the lock: %w", err)
	}
	return nil
}

func holder(path string) string {
	content, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(content)); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
