package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/emulator/awsapi"
)

// fakeMoto keeps what is logged.
type fakeMoto struct {
	refuse map[string]error // by operation

	mu       sync.Mutex
	batches  []int
	messages []string
	first    chan struct{}
}

func newMoto() *fakeMoto { return &fakeMoto{first: make(chan struct{})} }

func (f *fakeMoto) JSON(_ context.Context, _, operation string, in, _ any) error {
	operation = strings.TrimPrefix(operation, target)
	if err := f.refuse[operation]; err != nil {
		return err
	}
	if operation != "PutLogEvents" {
		return nil
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var put struct {
		Group  string  `json:"logGroupName"`
		Stream string  `json:"logStreamName"`
		Events []event `json:"logEvents"`
	}
	if err := json.Unmarshal(raw, &put); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if put.Group != "group" || put.Stream != "stream" {
		return fmt.Errorf("events for %s %s", put.Group, put.Stream)
	}
	for _, e := range put.Events {
		if time.Since(time.UnixMilli(e.At)) > time.Minute {
			return fmt.Errorf("an event of %v", time.UnixMilli(e.At))
		}
		f.messages = append(f.messages, e.Message)
	}
	if len(f.batches) == 0 {
		close(f.first)
	}
	f.batches = append(f.batches, len(put.Events))
	return nil
}

func open(t *testing.T, moto Caller) *Stream {
	t.Helper()
	s, err := Open(t.Context(), moto, "eu-central-1", "group", "stream")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"whole lines", []string{"a\nb\n"}, []string{"a", "b"}},
		{"a split line", []string{"a", "b", "\nc", "d\n"}, []string{"ab", "cd"}},
		{"a split end", []string{"a\r", "\nb"}, []string{"a", "b"}},
		{"no end of line", []string{"a\nb"}, []string{"a", "b"}},
		{"empty lines", []string{"\n\r\n\na\n\n"}, []string{"a"}},
		{"a line too long", []string{long + "y\nz\n"}, []string{long, "y", "z"}},
		{"a line just long enough", []string{long, "\nz"}, []string{long, "z"}},
		{"no UTF-8", []string{"a\xffb\n"}, []string{"a\ufffdb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			moto := newMoto()
			s := open(t, moto)
			for _, text := range c.writes {
				if n, err := io.WriteString(s, text); n != len(text) || err != nil {
					t.Errorf("writing gave %d, %v", n, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(moto.messages, c.want) {
				t.Errorf("got %.200q, want %.200q", moto.messages, c.want)
			}
		})
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	moto := newMoto()
	s := open(t, moto)
	const lines = 2*maxBatch + 1
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for i := range lines / 3 {
				_, _ = fmt.Fprintln(s, i)
			}
		})
	}
	writers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(moto.messages) != lines/3*3 || slices.Max(moto.batches) > maxBatch || len(moto.batches) > 10 {
		t.Errorf("%d lines came in batches of %v", len(moto.messages), moto.batches)
	}
}

func TestLinesArriveBeforeTheEnd(t *testing.T) {
	t.Parallel()
	moto := newMoto()
	s := open(t, moto)
	defer func() { _ = s.Close() }()
	_, _ = io.WriteString(s, "soon\n")
	select {
	case <-moto.first:
	case <-time.After(20 * time.Second):
		t.Error("the line did not arrive")
	}
}

func TestLossDoesNotStopTheProgram(t *testing.T) {
	t.Parallel()
	moto := newMoto()
	moto.refuse = map[string]error{"PutLogEvents": errors.New("down")}
	s := open(t, moto)
	if _, err := io.WriteString(s, "lost\n"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestGroupsAndStreams(t *testing.T) {
	t.Parallel()
	taken, missing := awsapi.Errorf("ResourceAlreadyExistsException", "there"), awsapi.Errorf("ResourceNotFoundException", "no group")
	moto := &fakeMoto{refuse: map[string]error{"CreateLogGroup": taken, "CreateLogStream": taken}}
	if err := CreateGroup(t.Context(), moto, "r", "group"); err != nil {
		t.Errorf("a group that is there: %v", err)
	}
	if s, err := Open(t.Context(), moto, "r", "group", "stream"); err != nil {
		t.Errorf("a stream that is there: %v", err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
	moto.refuse = map[string]error{"CreateLogGroup": missing, "CreateLogStream": missing}
	if err := CreateGroup(t.Context(), moto, "r", "group"); !awsapi.IsCode(err, missing.Code) {
		t.Errorf("a group that cannot be made: %v", err)
	}
	if _, err := Open(t.Context(), moto, "r", "group", "one"); !awsapi.IsCode(err, missing.Code) || !strings.Contains(err.Error(), "make the log stream one of group") {
		t.Errorf("a stream that cannot be made: %v", err)
	}
}
