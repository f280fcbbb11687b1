package warehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"

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

// InsertOnce inserts like Insert and keeps the answer made of the outcome, in
// the same transaction; when the key was there before, it inserts nothing and
// returns the answer kept then. Two requests with one key at a time wait for
// each other. On Redshift no answer is kept: there a repeated request finds
// its readings to be duplicates.
func (w *Warehouse) InsertOnce(ctx context.Context, once Once, readings []reading.Reading,
	answer func(Stored) ([]byte, error),
) (kept []byte, replayed bool, err error) {
	const doing = "store readings under an idempotency key"
	if w.staging != nil {
		stored, err := w.Insert(ctx, readings)
		if err != nil {
			return nil, false, err
		}
		kept, err = answer(stored)
		return kept, false, err
	}
	if err := w.usable(doing); err != nil {
		return nil, false, err
	}
	b := newBatch(readings)
	err = w.retry(ctx, b, func() error {
		return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
			kept, err = claim(ctx, tx, once)
			if replayed = kept != nil; err != nil || replayed {
				return err
			}
			if err := b.insertCopiedOrPipelined(ctx, tx, w.replays.likely()); err != nil {
				return err
			}
			if kept, err = answer(b.stored()); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE idempotency_keys SET answer = $2 WHERE key = $1", once.Key, kept)
			return err
		})
	})
	if err != nil {
		return nil, false, classify(doing, err)
	}
	return kept, replayed, nil
}

func (b *batch) insertCopiedOrPipelined(ctx context.Context, tx pgx.Tx, look bool) error {
	if len(b.sorted) < copyFrom {
		return b.insertPipelined(ctx, tx, look)
	}
	return b.insertCopied(ctx, tx, look)
}

// claim takes the key, or returns the answer kept under it.
func claim(ctx context.Context, tx pgx.Tx, once Once) ([]byte, error) {
	tag, err := tx.Exec(ctx, "INSERT INTO idempotency_keys (key, request) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", once.Key, once.Request)
	if err != nil || tag.RowsAffected() == 1 {
		return nil, err
	}
	var request, answer []byte
	err = tx.QueryRow(ctx, "SELECT request, answer FROM idempotency_keys WHERE key = $1", once.Key).Scan(&request, &answer)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(request, once.Request) {
		return nil, fmt.Errorf("key %q: %w", once.Key, ErrKeyReused)
	}
	return answer, nil
}
