package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/procstat"
)

// taskMemory is what the service's task has, in bytes, and allowed is the part of
// it that the API may ever have, in percent.
const (
	taskMemory = 512 << 20
	allowed    = 70
)

// loads are the worst bodies that are legal, each made anew so that nothing in it
// was stored before.
func loads() map[string]func(n int) (contentType string, body []byte) {
	reading := func(n, i int) string {
		return fmt.Sprintf(`{"sensor_id":"load-%d","metric":"m","timestamp":%q,"value":%d}`, n%50,
			time.Date(2026, 3, 1, 0, 0, n, i*1000, time.UTC).Format(time.RFC3339Nano), i)
	}
	list := func(count int, one func(i int) string) []byte {
		var b bytes.Buffer
		b.WriteString(`{"readings":[`)
		for i := range count {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(one(i))
		}
		b.WriteString(`]}`)
		return b.Bytes()
	}
	const most = 10_000
	return map[string]func(n int) (string, []byte){
		"10,000 readings": func(n int) (string, []byte) {
			return "application/json", list(most, func(i int) string { return reading(n, i) })
		},
		"10,000 bad readings": func(int) (string, []byte) {
			return "application/json", list(most, func(int) string { return "{}" })
		},
		"one good of 10,000, long names": func(n int) (string, []byte) {
			return "application/json", list(most, func(i int) string {
				if i == 0 {
					return reading(n, 0)
				}
				return `{"sensor_id":"` + strings.Repeat("ä", 60) + `","metric":"m","timestamp":"2026-03-01T00:00:00Z","value":1,"a":{},"b":{}}`
			})
		},
		"8 MiB of blanks and 10,000 lines": func(n int) (string, []byte) {
			var b bytes.Buffer
			for i := range most {
				b.WriteString(reading(n, i) + "\n")
			}
			b.Write(bytes.Repeat([]byte(" "), 8<<20-b.Len()))
			return "application/x-ndjson", b.Bytes()
		},
	}
}

// TestMemoryUnderLoad posts the worst legal bodies on 64 connections, with
// queries beside them, to an API in a cgroup of its task's size, and wants it to
// stay below its part of that.
func TestMemoryUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const each = 2 * time.Second
	program := build(t)
	for name, made := range loads() {
		peak, posted := memoryUnder(t, program, made, each)
		t.Logf("%s: peak %d MiB of %d, %s", name, peak>>20, taskMemory>>20, posted)
		if peak > taskMemory*allowed/100 {
			t.Errorf("%s: peak %d MiB, more than %d %% of %d MiB", name, peak>>20, allowed, taskMemory>>20)
		}
	}
}

// BenchmarkMemory is a table of the same.
func BenchmarkMemory(b *testing.B) {
	program := build(b)
	for name, made := range loads() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				const each = 5 * time.Second
				peak, posted := memoryUnder(b, program, made, each)
				b.ReportMetric(float64(peak>>20), "peak-MiB")
				b.ReportMetric(float64(peak)*100/taskMemory, "%-of-task")
				b.Log(posted)
			}
		})
	}
}

// build builds the program as it is shipped: the race detector and the coverage
// of a test binary take several times its memory.
func build(tb testing.TB) string {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), "api")
	command := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-o", program, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("build the API: %v\n%s", err, out)
	}
	return program
}

// memoryUnder runs the API under a load, and returns the most memory that it had
// and what it answered.
func memoryUnder(tb testing.TB, program string, made func(int) (string, []byte), lasting time.Duration) (peak int64, posted string) {
	tb.Helper()
	ecs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"Limits":{"Memory":%d}}`, taskMemory>>20)
	}))
	defer ecs.Close()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	process := exec.CommandContext(tb.Context(), program)
	// Nothing of this process's environment: where tests run may set a program's variables.
	process.Env = []string{"PORT=" + port, "DATABASE_URL=" + pgtest.URL(tb), "DRAIN_DELAY=0s", "ECS_CONTAINER_METADATA_URI_V4=" + ecs.URL}
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	confine(tb, process)
	if err := process.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	defer func() {
		_ = process.Process.Signal(os.Interrupt)
		<-ended
	}()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer cancel()
	for !ready(ctx, address) {
		select {
		case <-ended:
			tb.Fatalf("the API has ended; it printed\n%s", log.String())
		case <-ctx.Done():
			tb.Fatal("the API is not ready within 2 minutes")
		case <-time.After(time.Millisecond):
		}
	}
	posted = press(tb, "http://"+address, made, lasting)
	for !ready(ctx, address) {
		if ctx.Err() != nil {
			tb.Fatal("the API is not ready behind the load")
		}
		time.Sleep(time.Millisecond)
	}
	return memory(tb, process.Process.Pid, procstat.Peak), posted
}

// press posts bodies on 64 connections, and asks on some more, for a while.
func press(tb testing.TB, address string, made func(int) (string, []byte), lasting time.Duration) string {
	tb.Helper()
	const writers, readers = 64, 8
	var answers [600]atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers + readers}}
	defer client.CloseIdleConnections()
	do := func(req *http.Request) {
		res, err := client.Do(req)
		if err != nil {
			return // cut off at the end of the time
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		answers[res.StatusCode].Add(1)
	}
	// Packed beforehand, so that the load is on the API and not on this side.
	bodies := make([][]byte, 8)
	kind := ""
	for n := range bodies {
		var plain []byte
		kind, plain = made(n)
		bodies[n] = packed(tb, plain)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), lasting)
	defer cancel()
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/readings", bytes.NewReader(bodies[n%len(bodies)]))
				if err != nil {
					return
				}
				req.Header.Set("Content-Type", kind)
				req.Header.Set("Content-Encoding", "gzip")
				req.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n))
				do(req)
			}
		})
	}
	const series = "?sensor_id=load-1&metric=m&from=2026-03-01T00:00:00Z&to=2026-03-01T02:00:00Z"
	for n := range readers {
		path := []string{"/v1/readings?sensor_id=load-1&limit=1000", "/v1/readings?sensor_id=load-1&format=csv", "/v1/buckets" + series + "&bucket=1s", "/v1/anomalies" + series}[n%4]
		all.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+path, nil)
				if err != nil {
					return
				}
				do(req)
			}
		})
	}
	all.Wait()
	var counts []string
	for status := range answers {
		if n := answers[status].Load(); n > 0 {
			counts = append(counts, fmt.Sprintf("%d times %d", n, status))
			if status == http.StatusInternalServerError {
				tb.Errorf("%d times 500", n)
			}
		}
	}
	return strings.Join(counts, ", ")
}

func packed(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// confine makes a process begin in a cgroup with its task's memory, where this
// process may make one; elsewhere only the limit is told to it, and its memory is
// measured all the same.
func confine(tb testing.TB, process *exec.Cmd) {
	tb.Helper()
	dir, err := newGroup()
	if err != nil {
		tb.Logf("without a cgroup: %v", err)
		return
	}
	tb.Cleanup(func() { _ = os.Remove(dir) })
	program := process.Path
	process.Path = "/bin/sh"
	process.Args = []string{"sh", "-c", `echo $$ > "$1" && exec "$0"`, program, filepath.Join(dir, "cgroup.procs")}
}

// newGroup makes a cgroup of either version.
func newGroup() (string, error) {
	for root, limit := range map[string]string{"/sys/fs/cgroup": "memory.max", "/sys/fs/cgroup/memory": "memory.limit_in_bytes"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir, err := os.MkdirTemp(root, "api-test-")
		if err != nil {
			return "", err
		}
		const mode = 0o600
		if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.Itoa(taskMemory)), mode); err != nil {
			_ = os.Remove(dir)
			return "", err
		}
		return dir, nil
	}
	return "", os.ErrNotExist
}

// memory is a figure of a process, in bytes.
func memory(tb testing.TB, pid int, figure string) int64 {
	tb.Helper()
	bytes, err := procstat.Bytes(pid, figure)
	if err != nil {
		tb.Skip(err)
	}
	return bytes
}
