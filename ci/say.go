package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// say writes one line of progress, with the time of day, where the caller's
// terminal shows it, without secrets. Lines of stages that run side by side do not mix.
func say(format string, args ...any) {
	line := time.Now().Format("15:04:05 ") + secretsGiven.Text(fmt.Sprintf(format, args...)) + "\n"
	saying.Lock()
	defer saying.Unlock()
	_, _ = os.Stdout.WriteString(line)
}

// saying guards standard output, of which a process has one.
var saying sync.Mutex
