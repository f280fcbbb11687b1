package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sensor-backend/services/internal/ingest"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// store stores a value once. It waits for each call to be let through, and
// refuses calls that hold the poison.
type store struct {
	entered chan int // sizes of calls, as they come
	pass    chan struct{}

	mu   sync.Mutex
	seen map[float64]bool
}

const poison = -1

var errPoison = errors.New("poison")

func newStore() *store {
	return &store{entered: make(chan int, 100), pass: make(chan struct{}), seen: map[float64]bool{}}
}

func (s *store) Insert(_ context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	s.entered <- len(readings)
	<-s.pass
	s.mu.Lock()
	defer s.mu.Unlock()
	var stored warehouse.Stored
	for i, r := range readings {
		switch {
		case r.Value == poison:
			return warehouse.Stored{}, errPoison
		case s.seen[r.Value]:
			stored.Duplicates = append(stored.Duplicates, i)
		default:
			stored.New++
		}
	}
	for _, r := range readings {
		s.seen[r.Value] = true
	}
	return stored, nil
}

// InsertEach keeps no answer, and makes each anew.
func (s *store) InsertEach(ctx context.Context, requests []warehouse.Request) ([]warehouse.Kept, error) {
	var all []reading.Reading
	for _, r := range requests {
		all = append(all, r.Readings...)
	}
	rest, err := s.Insert(ctx, all)
	if err != nil {
		return nil, err
	}
	kept := make([]warehouse.Kept, len(requests))
	for i, r := range requests {
		var stored warehouse.Stored
		stored, rest = rest.Split(len(r.Readings))
		if kept[i].Answer, err = r.Answer(stored); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func values(vs ...float64) (readings []reading.Reading) {
	for _, v := range vs {
		readings = append(readings, reading.Reading{Value: v})
	}
	return readings
}

type result struct {
	stored warehouse.Stored
	err    error
}

// startQueue returns a queue whose only writer is busy with one reading, and a
// function that inserts and waits until the batch stands in line.
func startQueue(t *testing.T, s *store) (first chan result, insert func(ctx context.Context, vs ...float64) chan result) {
	t.Helper()
	_, first, insert = startKeyedQueue(t, s)
	return first, insert
}

// startKeyedQueue returns the queue itself as well.
func startKeyedQueue(t *testing.T, s *store) (q *ingest.Queue, first chan result, insert func(ctx context.Context, vs ...float64) chan result) {
	t.Helper()
	q = ingest.New(s, ingest.Options{Writers: 1, Group: 100, Timeout: time.Minute})
	var callers sync.WaitGroup
	t.Cleanup(func() {
		callers.Wait()
		q.Close()
	})
	insert = func(ctx context.Context, vs ...float64) chan result {
		done := make(chan result, 1)
		callers.Go(func() {
			stored, err := q.Insert(ctx, values(vs...))
			done <- result{stored, err}
		})
		return done
	}
	first = insert(t.Context(), 0)
	<-s.entered
	return q, first, insert
}

// TestKeyedBatchesAreStoredTogether has requests with keys wait beside one
// without: each has its own answer, and one that is refused takes no other along.
func TestKeyedBatchesAreStoredTogether(t *testing.T) {
	t.Parallel()
	s := newStore()
	q, _, insert := startKeyedQueue(t, s)
	answers := map[float64]chan string{}
	for _, v := range []float64{1, 2, poison} {
		answer := make(chan string, 1)
		answers[v] = answer
		go func() {
			kept, _, err := q.InsertOnce(t.Context(), warehouse.Once{Key: fmt.Sprint(v)}, values(v, 0), func(stored warehouse.Stored) ([]byte, error) {
				return fmt.Appendf(nil, "%v: %d new, %d not", v, stored.New, len(stored.Duplicates)), nil
			})
			answer <- fmt.Sprintf("%s %v", kept, err)
		}()
	}
	plain := insert(t.Context(), 3)
	close(s.pass)
	for v, want := range map[float64]string{1: "1: 1 new, 1 not <nil>", 2: "2: 1 new, 1 not <nil>", poison: " poison"} {
		if got := <-answers[v]; got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	if got := <-plain; got.err != nil || got.stored.New != 1 {
		t.Errorf("without a key: %+v", got)
	}
}

func TestBatchesThatWaitAreStoredTogether(t *testing.T) {
	t.Parallel()
	s := newStore()
	first, insert := startQueue(t, s)
	a, b := insert(t.Context(), 1, 0, 2), insert(t.Context(), 0, 3)
	close(s.pass)
	for name, want := range map[string]struct {
		done chan result
		want warehouse.Stored
	}{
		"first": {first, warehouse.Stored{New: 1}},
		"a":     {a, warehouse.Stored{New: 2, Duplicates: []int{1}}},
		"b":     {b, warehouse.Stored{New: 1, Duplicates: []int{0}}},
	} {
		got := <-want.done
		if got.err != nil || got.stored.New != want.want.New || !slices.Equal(got.stored.Duplicates, want.want.Duplicates) {
			t.Errorf("%s: got %+v, want %+v", name, got, want.want)
		}
	}
}

func TestARefusedBatchIsAlone(t *testing.T) {
	t.Parallel()
	s := newStore()
	_, insert := startQueue(t, s)
	good, bad := insert(t.Context(), 1), insert(t.Context(), poison)
	close(s.pass)
	if got := <-good; got.err != nil || got.stored.New != 1 {
		t.Errorf("the good batch: %+v", got)
	}
	if got := <-bad; !errors.Is(got.err, errPoison) {
		t.Errorf("the bad batch: %+v", got)
	}
}

func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStore()
	first, insert := startQueue(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	gone := insert(ctx, 7)
	cancel()
	if got := <-gone; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %+v", got)
	}
	close(s.pass)
	if got := <-first; !reflect.DeepEqual(got, result{stored: warehouse.Stored{New: 1}}) {
		t.Errorf("first: %+v", got)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	q := ingest.New(newStore(), ingest.Default())
	q.Close()
	if _, err := q.Insert(t.Context(), values(1)); !errors.Is(err, ingest.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
