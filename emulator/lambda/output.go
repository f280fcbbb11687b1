package lambda

import (
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// maxTail is how much of its log an invocation shows to its caller.
const maxTail = 4 << 10

// output passes on what a process prints and keeps the end of what it printed
// since an event began.
type output struct {
	to io.Writer

	mu   sync.Mutex
	tail []byte
}

// Write passes p on.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, p...)
	if len(o.tail) > maxTail {
		o.tail = append([]byte(nil), o.tail[len(o.tail)-maxTail:]...)
	}
	return o.to.Write(p)
}

// begin writes the line that starts an event.
func (o *output) begin(call *invocation) {
	o.mu.Lock()
	o.tail = nil
	o.mu.Unlock()
	o.say("START RequestId: %s Version: %s\n", call.id, call.version)
}

// end writes the lines that end an event and gives the end of its log.
func (o *output) end(call *invocation, took time.Duration, memory int) []byte {
	millis := float64(took.Microseconds()) / 1000
	o.say("END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\n",
		call.id, call.id, millis, math.Ceil(millis), memory)
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]byte(nil), o.tail...)
}

func (o *output) say(format string, args ...any) {
	// What it passes on to never fails: a log must not stop a function.
	_, _ = fmt.Fprintf(o, format, args...)
}
