// Package logs carries what programs print to CloudWatch Logs.
package logs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
)

const (
	maxLine  = 64 << 10
	maxBatch = 500
	burst    = 200 * time.Millisecond
	target   = "Logs_20140328."
)

// Caller calls a JSON operation of moto.
type Caller interface {
	JSON(ctx context.Context, region, target string, in, out any) error
}

// CreateGroup makes a log group unless it is there.
func CreateGroup(ctx context.Context, moto Caller, region, group string) error {
	err := moto.JSON(ctx, region, target+"CreateLogGroup", map[string]string{"logGroupName": group}, nil)
	if awsapi.IsCode(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}

type event struct {
	At      int64  `json:"timestamp"`
	Message string `json:"message"`
}

// Stream is an io.Writer whose lines become the events of a log stream.
type Stream struct {
	moto                  Caller
	region, group, stream string

	mu      sync.Mutex
	partial []byte
	events  []event
	wake    chan struct{}
	closed  chan struct{}
	done    chan struct{}
}

// Open makes the stream and begins to carry.
func Open(ctx context.Context, moto Caller, region, group, stream string) (*Stream, error) {
	err := moto.JSON(ctx, region, target+"CreateLogStream", map[string]string{"logGroupName": group, "logStreamName": stream}, nil)
	if err != nil && !awsapi.IsCode(err, "ResourceAlreadyExistsException") {
		return nil, fmt.Errorf("make the log stream %s of %s: %w", stream, group, err)
	}
	s := &Stream{
		moto: moto, region: region, group: group, stream: stream,
		wake: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go s.carry(context.WithoutCancel(ctx))
	return s, nil
}

// Write takes a piece of output. It never fails: a log must not stop a program.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = append(s.partial, p...)
	for {
		i := bytes.IndexByte(s.partial, '\n')
		if i < 0 && len(s.partial) < maxLine {
			break
		}
		if i < 0 || i > maxLine {
			s.add(s.partial[:maxLine])
			s.partial = s.partial[maxLine:]
			continue
		}
		s.add(bytes.TrimSuffix(s.partial[:i], []byte("\r")))
		s.partial = s.partial[i+1:]
	}
	return len(p), nil
}

func (s *Stream) add(line []byte) {
	if len(line) == 0 {
		return
	}
	s.events = append(s.events, event{At: time.Now().UnixMilli(), Message: string(line)})
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close carries what is left and waits until it has arrived.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.add(s.partial)
	s.partial = nil
	s.mu.Unlock()
	close(s.closed)
	<-s.done
	return nil
}

func (s *Stream) carry(ctx context.Context) {
	defer close(s.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-s.wake:
		case <-s.closed:
			s.flush(ctx)
			return
		}
		// Lines come in bursts: give the rest of one a moment.
		pause.Reset(burst)
		select {
		case <-pause.C:
		case <-s.closed:
		}
		s.flush(ctx)
	}
}

func (s *Stream) flush(ctx context.Context) {
	for {
		s.mu.Lock()
		n := min(len(s.events), maxBatch)
		batch := s.events[:n:n]
		s.events = s.events[n:]
		s.mu.Unlock()
		if n == 0 {
			return
		}
		sending, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := s.moto.JSON(sending, s.region, target+"PutLogEvents",
			map[string]any{"logGroupName": s.group, "logStreamName": s.stream, "logEvents": batch}, nil)
		cancel()
		if err != nil {
			slog.Warn("lost log lines", "group", s.group, "stream", s.stream, "lines", n, "error", err)
		}
	}
}
