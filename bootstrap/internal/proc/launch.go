package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Descriptors of a launched process: on one it waits, on the other it says
// that it could not become the program. The latter closes when it does become
// it.
const (
	waitFD   = 3
	failedFD = 4
)

// Launch waits until the starting program has recorded this process, and then
// becomes the program named by the first word. It ends instead when the
// starting program is gone.
func Launch(words []string) error {
	wait, failed := os.NewFile(waitFD, "wait"), os.NewFile(failedFD, "failed")
	if wait == nil || failed == nil || len(words) == 0 {
		return errors.New("launch: only the program itself calls this")
	}
	if n, err := wait.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("launch %s: the program that started it is gone (%w)", words[0], err)
	}
	if err := wait.Close(); err != nil {
		return fmt.Errorf("launch %s: %w", words[0], err)
	}
	syscall.CloseOnExec(failedFD)
	//nolint:gosec // Becoming the program it is given is what this is for.
	err := syscall.Exec(words[0], words, os.Environ())
	err = fmt.Errorf("launch %s: %w", words[0], err)
	_, writeErr := io.WriteString(failed, err.Error())
	return errors.Join(err, writeErr)
}

// gates are the starting program's side of Launch.
type gates struct{ wait, release, failed, fail *os.File }

func newGates() (*gates, error) {
	wait, release, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	failed, fail, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, wait.Close(), release.Close())
	}
	return &gates{wait: wait, release: release, failed: failed, fail: fail}, nil
}

func (g *gates) forChild() []*os.File { return []*os.File{g.wait, g.fail} }

// open lets the process begin and returns when it has become the program.
// While it does, the kernel shows it as ended for an instant.
func (g *gates) open() error {
	if err := errors.Join(g.wait.Close(), g.fail.Close()); err != nil {
		return err
	}
	if _, err := g.release.Write([]byte{1}); err != nil {
		return err
	}
	reason, err := io.ReadAll(g.failed)
	if err == nil && len(reason) > 0 {
		err = errors.New(string(reason))
	}
	return err
}

// close gives back what is still open.
func (g *gates) close() {
	for _, file := range []*os.File{g.wait, g.release, g.failed, g.fail} {
		_ = file.Close()
	}
}
