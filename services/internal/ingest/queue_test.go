package ingest_test

import (
	"context"
	"errors"
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
	q := ingest.New(s, ingest.Options{Writers: 1, Group: 100, Timeout: time.Minute})
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
	return first, insert
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
