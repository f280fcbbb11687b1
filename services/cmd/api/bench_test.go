package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/procstat"
)

// BenchmarkStart starts the program as it is deployed on a migrated database:
// how long until it is ready, what it weighs, and its memory while idle.
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "api")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	environment := []string{"DATABASE_URL=" + pgtest.URL(b), "MIGRATE_ON_START=false", "DRAIN_DELAY=0s"}
	migrate := exec.CommandContext(b.Context(), program, "migrate")
	migrate.Env = environment
	if out, err := migrate.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var idle int64
	for b.Loop() {
		idle = max(idle, startOnce(b, program, environment))
	}
	size, packed := weigh(b, program)
	b.ReportMetric(float64(size)/1e6, "MB")
	b.ReportMetric(float64(packed)/1e6, "packed-MB")
	b.ReportMetric(float64(idle)/(1<<20), "idle-MiB")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms-to-ready")
}

// startOnce runs the program until it is ready; its memory is measured, and the
// program stopped, while the clock of the benchmark stands still.
func startOnce(b *testing.B, program string, environment []string) (used int64) {
	b.Helper()
	b.StopTimer()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	process := exec.CommandContext(ctx, program)
	process.Env = slices.Concat(environment, []string{"PORT=" + port})
	b.StartTimer()
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	for !ready(ctx, address) {
		if ctx.Err() != nil {
			b.Fatal("the API is not ready within a minute")
		}
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	defer b.StartTimer()
	const idle = 200 * time.Millisecond
	time.Sleep(idle)
	used = memory(b, process.Process.Pid, procstat.Now)
	if err := process.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		b.Fatalf("the API does not end well: %v", err)
	}
	return used
}

func ready(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// weigh is the size of a file, and what gzip makes of it, as a registry does.
func weigh(b *testing.B, path string) (size, packed int) {
	b.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(content); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return len(content), out.Len()
}
