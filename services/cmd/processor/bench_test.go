package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkColdInit starts the program as it is deployed, until it asks Lambda's
// Runtime API for its first event: that is what a cold start adds.
func BenchmarkColdInit(b *testing.B) {
	program := filepath.Join(b.TempDir(), "bootstrap")
	build := exec.CommandContext(b.Context(), "go", "build", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	asked := make(chan struct{})
	runtime := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer runtime.Close()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		process := exec.CommandContext(ctx, program)
		process.Env = append(settings(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"))
		if err := process.Start(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-asked:
		case <-ctx.Done():
			b.Fatal("the processor does not ask for an event within a minute")
		}
		b.StopTimer()
		cancel()
		_ = process.Wait() // killed
		b.StartTimer()
	}
	b.ReportMetric(float64(zipped(b, program))/1e6, "zip-MB")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(b.N), "ms-to-ask")
}

// zipped is the size of the zip that holds a program.
func zipped(b *testing.B, program string) int {
	b.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	entry, err := archive.Create("bootstrap")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := entry.Write(content); err != nil {
		b.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Len()
}
