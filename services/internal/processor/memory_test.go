package processor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/procstat"
	"sensor-backend/services/internal/store"
)

// These make the test binary process one generated file of so many megabytes
// and sensors, and end, for the tests that measure a whole process.
const (
	streamSize    = "PROCESS_STREAM_MB"
	streamSensors = "PROCESS_STREAM_SENSORS"
)

func TestMain(m *testing.M) {
	if size, err := strconv.Atoi(os.Getenv(streamSize)); err == nil {
		sensors, _ := strconv.Atoi(os.Getenv(streamSensors))
		err := processStream(int64(size)<<20, sensors)
		if err == nil {
			err = tellPeak()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// functionMemory is what the function has, in bytes.
const functionMemory = 256 << 20

// TestMemory wants the memory of a process to stay within the function's,
// however long its file is.
func TestMemory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	size := 200
	if underRace {
		size = 40
	}
	peak := peakMemory(t, size, 1)
	t.Logf("%d MiB read, peak memory %d MiB", size, peak>>20)
	if peak > functionMemory {
		t.Errorf("peak memory %d MiB, the function has %d", peak>>20, functionMemory>>20)
	}
}

// TestMemoryOfAMillionSensors has each row of a file be another sensor's.
func TestMemoryOfAMillionSensors(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const sensors = 1_000_000
	peak := peakMemory(t, 37, sensors)
	t.Logf("%d sensors, peak memory %d MiB", sensors, peak>>20)
	if peak > functionMemory {
		t.Errorf("peak memory %d MiB, the function has %d", peak>>20, functionMemory>>20)
	}
}

// BenchmarkGigabyte is the same with a file of 1 GiB.
func BenchmarkGigabyte(b *testing.B) {
	for b.Loop() {
		peak := peakMemory(b, 1024, 1)
		b.ReportMetric(float64(peak>>20), "peak-MiB")
		if peak > functionMemory {
			b.Errorf("peak memory %d MiB, the function has %d", peak>>20, functionMemory>>20)
		}
	}
}

// peakMemory runs a process of its own, and returns the most memory it had.
func peakMemory(tb testing.TB, megabytes, sensors int) int64 {
	tb.Helper()
	child := exec.CommandContext(tb.Context(), os.Args[0])
	child.Stderr = os.Stderr
	child.Env = append(os.Environ(), streamSize+"="+strconv.Itoa(megabytes), streamSensors+"="+strconv.Itoa(sensors))
	out, err := child.Output()
	if err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	peak, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		tb.Skip("this system does not tell the memory of a process")
	}
	return peak
}

// tellPeak writes the most memory that this process had, in bytes, or nothing
// where the system does not tell.
func tellPeak() error {
	peak, err := procstat.Bytes(os.Getpid(), procstat.Peak)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = fmt.Println(peak)
	}
	return err
}

// processStream processes a file that is made while it is read, into a bucket
// that keeps nothing.
func processStream(size int64, sensors int) error {
	w := newWorld()
	w.parquet = true
	p := w.processor()
	sink := &discardS3{}
	file := &stream{size: size, sensors: sensors}
	p.Source, p.Sink = file, store.NewBucket(sink, "processed")
	if err := p.Handle(context.Background(), event("incoming/site/day.csv", "")); err != nil {
		return err
	}
	row := w.rows["incoming/site/day.csv"]
	lines, kept := int(file.size/line), int(file.size/line)
	if sensors > 1 {
		kept = 1000 // as many series as a file may hold
	}
	if row.Rows != kept || row.BadRows != lines-kept || size > 1<<30/2 && sink.parts == 0 {
		return fmt.Errorf("%d lines, %d parts, row %+v", lines, sink.parts, row)
	}
	return nil
}

// stream is a source with one file of about size bytes, in which each row is of
// the next of its sensors.
type stream struct {
	size    int64
	sensors int
	row     int
	at      time.Time
	rest    []byte
}

func (s *stream) Open(context.Context, string, string) (processor.Object, error) {
	s.at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.size -= s.size % line
	return processor.Object{
		Body: io.NopCloser(io.LimitReader(s, s.size)), ETag: "e", Size: s.size, Modified: s.at.AddDate(10, 0, 0),
	}, nil
}

// line is the length of a line, so that a file ends with a whole one.
const line = int64(len("s0000000,m,2026-01-01T00:00:00Z,20.123\n"))

func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) < len(p) {
		s.rest = fmt.Appendf(s.rest, "s%07d,m,", s.row%s.sensors)
		s.rest = s.at.AppendFormat(s.rest, time.RFC3339)
		s.rest = fmt.Appendf(s.rest, ",%.3f\n", 20+float64(s.at.Unix()*7919%7001)/1000)
		s.at, s.row = s.at.Add(time.Second), s.row+1
	}
	n := copy(p, s.rest)
	s.rest = s.rest[:copy(s.rest, s.rest[n:])]
	return n, nil
}

// discardS3 takes objects and parts and keeps none.
type discardS3 struct {
	store.S3API
	parts int
}

func (d *discardS3) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return &s3.PutObjectOutput{}, nil
}

func (d *discardS3) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return &s3.CreateMultipartUploadOutput{UploadId: aws.String("u")}, nil
}

func (d *discardS3) UploadPart(context.Context, *s3.UploadPartInput, ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	d.parts++
	return &s3.UploadPartOutput{}, nil
}

func (d *discardS3) CompleteMultipartUpload(context.Context, *s3.CompleteMultipartUploadInput, ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	return &s3.CompleteMultipartUploadOutput{}, nil
}
