package warehouse

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// ErrKeyReused is returned, wrapped, for an Idempotency-Key that came before
// with another request.
var ErrKeyReused = errors.New("the idempotency key was used for another request")

// Once names a request that is to have one answer however often it comes.
type Once struct {
	Key     string
	Request []byte // a digest of the request
}

// Request is readings that are to be stored once.
type Request struct {
	Once     Once
	Readings []reading.Reading
	// Answer makes the answer of the outcome. It may be called more than once.
	Answer func(Stored) ([]byte, error)
}

// Kept is the answer to a request.
type Kept struct {
	Answer   []byte
	Replayed bool  // the request came before, and nothing was inserted now
	Err      error // wraps ErrKeyReused
}

// InsertOnce is InsertEach of one request.
func (w *Warehouse) InsertOnce(ctx context.Context, once Once, readings []reading.Reading,
	answer func(Stored) ([]byte, error),
) (kept []byte, replayed bool, err error) {
	all, err := w.InsertEach(ctx, []Request{{once, readings, answer}})
	if err != nil {
		return nil, false, err
	}
	return all[0].Answer, all[0].Replayed, all[0].Err
}

// InsertEach inserts the readings of requests like Insert and keeps the answer to
// each, in one transaction; for a request whose key was there before, it inserts
// nothing and returns the answer kept then. Two requests with one key at a time
// wait for each other. With an error none is stored. On Redshift no answer is
// kept: there a repeated request finds its readings to be duplicates.
func (w *Warehouse) InsertEach(ctx context.Context, requests []Request) ([]Kept, error) {
	const doing = "store readings under an idempotency key"
	if w.staging != nil {
		return w.insertUnkept(ctx, requests)
	}
	if err := w.usable(ctx, doing); err != nil {
		return nil, err
	}
	kept := make([]Kept, len(requests))
	first, later := firstOfKeys(requests)
	var all []reading.Reading
	for _, i := range first {
		all = append(all, requests[i].Readings...)
	}
	b := newBatch(all)
	look := w.replays.likely()
	fresh := !look && len(all) < copyFrom
	err := w.retry(ctx, b, func() error {
		if fresh {
			fresh = false
			err := w.insertFresh(ctx, b, requests, first, kept)
			if faultOf(err) != duplicate {
				return err
			}
			look = true
		}
		return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
			return w.insertEach(ctx, tx, requests, first, kept, look || w.replays.likely())
		})
	})
	if err != nil {
		return nil, classify(doing, err)
	}
	// Those whose key is another's of this call find it there now.
	for _, i := range later {
		answer, replayed, err := w.InsertOnce(ctx, requests[i].Once, requests[i].Readings, requests[i].Answer)
		if err != nil && !errors.Is(err, ErrKeyReused) {
			return nil, err
		}
		kept[i] = Kept{answer, replayed, err}
	}
	return kept, nil
}

// insertFresh takes every key and every reading of a batch for new, so that the
// answers are known beforehand and all goes at once: one round trip. Anything that
// is there already fails it.
func (w *Warehouse) insertFresh(ctx context.Context, b *batch, requests []Request, places []int, kept []Kept) error {
	rest := b.stored()
	keys, digests, answers := make([]string, len(places)), make([][]byte, len(places)), make([][]byte, len(places))
	for n, i := range places {
		var stored Stored
		stored, rest = rest.Split(len(requests[i].Readings))
		answer, err := requests[i].Answer(stored)
		if err != nil {
			return err
		}
		keys[n], digests[n], answers[n] = requests[i].Once.Key, requests[i].Once.Request, answer
		kept[i] = Kept{Answer: answer}
	}
	var all pgx.Batch
	all.Queue(`INSERT INTO idempotency_keys (key, request, answer) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])`, keys, digests, answers)
	b.queue(&all, false)
	return w.pool.SendBatch(ctx, &all).Close()
}

func (w *Warehouse) insertUnkept(ctx context.Context, requests []Request) ([]Kept, error) {
	kept := make([]Kept, len(requests))
	for i, r := range requests {
		stored, err := w.Insert(ctx, r.Readings)
		if err != nil {
			return nil, err
		}
		if kept[i].Answer, err = r.Answer(stored); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// firstOfKeys returns the places of the first request of each key, in the order
// of the keys, so that two writers wait for each other but never both ways; and
// of the others.
func firstOfKeys(requests []Request) (first, later []int) {
	seen := make(map[string]struct{}, len(requests))
	for i, r := range requests {
		if _, twice := seen[r.Once.Key]; twice {
			later = append(later, i)
			continue
		}
		seen[r.Once.Key] = struct{}{}
		first = append(first, i)
	}
	slices.SortFunc(first, func(x, y int) int { return cmp.Compare(requests[x].Once.Key, requests[y].Once.Key) })
	return first, later
}

// insertEach does so within a transaction, for the requests at some places.
func (w *Warehouse) insertEach(ctx context.Context, tx pgx.Tx, requests []Request, places []int, kept []Kept, look bool) error {
	claimed, err := claim(ctx, tx, requests, places, kept)
	if err != nil || len(claimed) == 0 {
		return err
	}
	var all []reading.Reading
	for _, i := range claimed {
		all = append(all, requests[i].Readings...)
	}
	b := newBatch(all)
	if err := b.insertCopiedOrPipelined(ctx, tx, look); err != nil {
		return err
	}
	rest := b.stored()
	keys, answers := make([]string, len(claimed)), make([][]byte, len(claimed))
	for n, i := range claimed {
		var stored Stored
		stored, rest = rest.Split(len(requests[i].Readings))
		if answers[n], err = requests[i].Answer(stored); err != nil {
			return err
		}
		keys[n] = requests[i].Once.Key
		kept[i] = Kept{Answer: answers[n]}
	}
	_, err = tx.Exec(ctx, `UPDATE idempotency_keys SET answer = a.answer
		FROM unnest($1::text[], $2::bytea[]) a (key, answer) WHERE idempotency_keys.key = a.key`, keys, answers)
	return err
}

func (b *batch) insertCopiedOrPipelined(ctx context.Context, tx pgx.Tx, look bool) error {
	if len(b.sorted) < copyFrom {
		return b.insertPipelined(ctx, tx, look)
	}
	return b.insertCopied(ctx, tx, look)
}

// claim takes the keys of requests, returns the places of those that were free,
// and notes the answers kept under the others.
func claim(ctx context.Context, tx pgx.Tx, requests []Request, places []int, kept []Kept) (claimed []int, err error) {
	at := make(map[string]int, len(places))
	keys, digests := make([]string, len(places)), make([][]byte, len(places))
	for n, i := range places {
		keys[n], digests[n] = requests[i].Once.Key, requests[i].Once.Request
		at[keys[n]] = i
	}
	rows, err := tx.Query(ctx, `INSERT INTO idempotency_keys (key, request) SELECT * FROM unnest($1::text[], $2::bytea[])
		ON CONFLICT (key) DO NOTHING RETURNING key`, keys, digests)
	if err != nil {
		return nil, err
	}
	var key string
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
		claimed = append(claimed, at[key])
		delete(at, key)
		return nil
	})
	if err != nil || len(at) == 0 {
		return claimed, err
	}
	rows, err = tx.Query(ctx, "SELECT key, request, answer FROM idempotency_keys WHERE key = ANY($1)", keys)
	if err != nil {
		return nil, err
	}
	var request, answer []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &request, &answer}, func() error {
		i, there := at[key]
		switch {
		case !there: // claimed just now
		case !bytes.Equal(request, requests[i].Once.Request):
			kept[i] = Kept{Err: fmt.Errorf("key %q: %w", key, ErrKeyReused)}
		default:
			kept[i] = Kept{Answer: slices.Clone(answer), Replayed: true}
		}
		return nil
	})
	return claimed, err
}
