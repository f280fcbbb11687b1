// Package quiet makes a short account of what a Dagger client prints while nobody
// sits before a terminal: the lines of the pipeline itself, and of an error the part
// that matters.
package quiet

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Filter takes what a client prints with --progress=plain. Everything goes to All,
// what a person wants to read to Shown.
type Filter struct {
	Shown, All io.Writer
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	rest  []byte
	last  []string
	error []string
}

var (
	// colours are the escape sequences of a terminal (ECMA-48, control sequences).
	colours = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]")
	// prefix is the client's own: number of the span, depth, time.
	prefix = regexp.MustCompile(`^\d+\s*: (?:┆ )*(?:\[[^\]]*\] \| )?`)
	// own are lines of the pipeline: time of day, stage, text.
	own = regexp.MustCompile(`^\d\d:\d\d:\d\d [a-z][\w .()-]*: `)
	// tested are lines of go test for a package or a failed test.
	tested = regexp.MustCompile(`^(ok|FAIL)\s+\S+/\S+|^\s*--- FAIL: `)
	// trace is what the client puts behind an error.
	trace = regexp.MustCompile(` \[traceparent:[0-9a-f-]+\]$`)
)

// maxLast is how many lines a failure without an error shows.
const maxLast = 20

// Write implements io.Writer. It keeps an unfinished line until its end.
func (f *Filter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.All.Write(p); err != nil {
		return 0, err
	}
	f.rest = append(f.rest, p...)
	for {
		line, rest, found := bytes.Cut(f.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		f.rest = rest
		if err := f.line(string(line)); err != nil {
			return 0, err
		}
	}
}

func (f *Filter) line(raw string) error {
	plain := strings.TrimRight(colours.ReplaceAllString(raw, ""), "\r")
	text := prefix.ReplaceAllString(plain, "")
	switch {
	case strings.HasPrefix(plain, "Error: "):
		f.error = []string{trace.ReplaceAllString(plain, "")}
		return nil
	case len(f.error) > 0:
		f.error = append(f.error, trace.ReplaceAllString(plain, ""))
		return nil
	}
	if strings.TrimSpace(text) != "" {
		if f.last = append(f.last, text); len(f.last) > maxLast {
			f.last = f.last[1:]
		}
	}
	switch {
	case own.MatchString(text):
	case tested.MatchString(text):
		text = f.Now().Format(time.TimeOnly) + " go test: " + strings.ReplaceAll(text, "\t", "  ")
	default:
		return nil
	}
	_, err := fmt.Fprintln(f.Shown, text)
	return err
}

// Failure is the part of the output that says why it failed: the error, or the last
// lines where there is none.
func (f *Filter) Failure() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.error
	if len(lines) == 0 {
		lines = f.last
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
