// Package procstat reads the memory of a process from Linux, for tests and
// benchmarks that measure a whole one.
package procstat

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// The figures that Bytes reads (proc(5), /proc/pid/status).
const (
	Now  = "VmRSS:" // resident now
	Peak = "VmHWM:" // the most that was resident since the program began
)

// Bytes reads a figure of a process. The peak is the process's own, unlike that of
// getrusage, which after an exec also holds its parent's.
func Bytes(pid int, figure string) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d, which only Linux tells: %w", pid, err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), figure); ok {
			var kibi int64
			_, err := fmt.Sscanf(rest, "%d kB", &kibi)
			return kibi << 10, err
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: its status has no %s", pid, figure)
}
