package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// gate is the descriptor on which a launched process waits.
const gate = 3

// Launch waits until the starting program has recorded this process, and then
// becomes the program named by the first word. It ends instead when the
// starting program is gone.
func Launch(words []string) error {
	file := os.NewFile(gate, "gate")
	if file == nil || len(words) == 0 {
		return errors.New("launch: only the program itself calls this")
	}
	if n, err := file.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("launch %s: the program that started it is gone (%w)", words[0], err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("launch %s: %w", words[0], err)
	}
	if err := syscall.Exec(words[0], words, os.Environ()); err != nil {
		return fmt.Errorf("launch %s: %w", words[0], err)
	}
	return nil
}
