package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// ingestAnswer says what became of a batch. Items names each reading that was
// not newly stored, by its place in the batch.
type ingestAnswer struct {
	Accepted   int          `json:"accepted"`
	Duplicates int          `json:"duplicates"`
	Rejected   int          `json:"rejected"`
	Items      []itemAnswer `json:"items,omitempty"`
}

type itemAnswer struct {
	Index  int    `json:"index"`
	Status string `json:"status"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// The two ways in which a reading is not stored anew.
const (
	duplicate = "duplicate"
	rejected  = "rejected"
)

// maxKeyLength is the warehouse's column for idempotency keys.
const maxKeyLength = 255

// postReadings stores the good readings of a batch and says of each other one
// what is wrong with it. Posting a batch again is harmless: readings already
// there count as duplicates. It answers only after the commit.
func (a *API) postReadings(c echo.Context) error {
	if a.cfg.Warehouse == nil && a.cfg.Inbox == nil {
		return newProblem(http.StatusNotImplemented, "the warehouse is off and there is no source bucket to take the batch")
	}
	r := c.Request()
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	ticket := a.arriving.Enter(a.writer(c))
	defer ticket.Leave()
	body, err := readRequest(c.Response(), r, ticket)
	if err != nil {
		return err
	}
	// Who has not sent all of a batch holds no place.
	place := a.places.Enter(a.writer(c))
	defer place.Leave()
	if err := place.Take(1); err != nil {
		return err
	}
	turn, err := a.working.Wait(r.Context(), workCost(body.size()))
	if err != nil {
		return err
	}
	defer turn.End()
	read, digest, err := body.read()
	if err != nil {
		return err
	}
	turn.Keep(read.cost())
	b, err := a.sortOut(read.items)
	if err != nil {
		return err
	}
	if key != "" && a.cfg.Warehouse != nil {
		return a.storeOnce(c, key, digest, b)
	}
	stored, err := a.store(r.Context(), b.good)
	if err != nil {
		return err
	}
	answer := b.answer(stored)
	a.cfg.Metrics.Ingested(answer.Accepted, answer.Duplicates, answer.Rejected)
	return c.JSON(answer.status(), answer)
}

// writer names who sends a batch: by its key, which has been let through, or by
// its address.
func (a *API) writer(c echo.Context) string {
	if len(a.cfg.Keys) > 0 {
		return c.Request().Header.Get("Authorization")
	}
	return c.RealIP()
}

func tooMany() *problem {
	p := newProblem(http.StatusTooManyRequests, "too much waits to be stored or answered, send this again later")
	p.retryAfter = time.Second
	return p
}

// sortedBatch is a batch with the good readings set apart.
type sortedBatch struct {
	good   []reading.Reading
	places []int // of the good readings in the batch
	bad    []itemAnswer
}

// sortOut refuses readings beyond what is kept, and a batch without any good
// reading: nothing is stored of it, and its error names the first reasons.
func (a *API) sortOut(items []item) (sortedBatch, error) {
	if len(items) == 0 {
		return sortedBatch{}, newProblem(http.StatusUnprocessableEntity, "the batch holds no readings",
			fieldProblem{Field: "readings", Reason: "is missing or empty"})
	}
	b := sortedBatch{good: make([]reading.Reading, 0, len(items))}
	now := a.cfg.Now()
	for i := range items {
		if items[i].problem == nil {
			if err := a.cfg.Window.check(items[i].reading.Timestamp, now); err != nil {
				items[i].reject(err)
			}
		}
		if p := items[i].problem; p != nil {
			b.bad = append(b.bad, itemAnswer{Index: i, Status: rejected, Field: p.Field, Reason: p.Reason})
			continue
		}
		b.good = append(b.good, items[i].reading)
		b.places = append(b.places, i)
	}
	if len(b.good) == 0 {
		return b, b.problem()
	}
	return b, nil
}

func (b sortedBatch) problem() *problem {
	const named = 100
	errs := make([]fieldProblem, 0, min(len(b.bad), named))
	for _, bad := range b.bad[:min(len(b.bad), named)] {
		errs = append(errs, fieldProblem{Index: &bad.Index, Field: bad.Field, Reason: bad.Reason})
	}
	return newProblem(http.StatusUnprocessableEntity,
		fmt.Sprintf("%d of %d readings are not acceptable, nothing was stored", len(b.bad), len(b.bad)), errs...)
}

func (b sortedBatch) answer(stored warehouse.Stored) ingestAnswer {
	answer := ingestAnswer{Accepted: stored.New, Duplicates: len(stored.Duplicates), Rejected: len(b.bad)}
	bad := b.bad
	for _, place := range stored.Duplicates {
		index := b.places[place]
		for len(bad) > 0 && bad[0].Index < index {
			answer.Items = append(answer.Items, bad[0])
			bad = bad[1:]
		}
		answer.Items = append(answer.Items, itemAnswer{Index: index, Status: duplicate})
	}
	answer.Items = append(answer.Items, bad...)
	return answer
}

// status is 207 when some readings were rejected, so that a client that looks
// at nothing else notices.
func (a ingestAnswer) status() int {
	if a.Rejected > 0 {
		return http.StatusMultiStatus
	}
	return http.StatusAccepted
}

// storeOnce answers a request with an Idempotency-Key as it was answered the
// first time.
func (a *API) storeOnce(c echo.Context, key string, digest []byte, b sortedBatch) error {
	once := warehouse.Once{Key: key, Request: digest}
	kept, replayed, err := a.cfg.Warehouse.InsertOnce(c.Request().Context(), once, b.good, func(stored warehouse.Stored) ([]byte, error) {
		return json.Marshal(b.answer(stored))
	})
	if errors.Is(err, warehouse.ErrKeyReused) {
		return newProblem(http.StatusUnprocessableEntity, "the Idempotency-Key was used for another batch, use a new one for each")
	}
	if err != nil {
		return err
	}
	var answer ingestAnswer
	if err := json.Unmarshal(kept, &answer); err != nil {
		return fmt.Errorf("read the answer kept under an idempotency key: %w", err)
	}
	if replayed {
		c.Response().Header().Set("Idempotency-Replayed", "true")
	} else {
		a.cfg.Metrics.Ingested(answer.Accepted, answer.Duplicates, answer.Rejected)
	}
	return c.JSON(answer.status(), answer)
}

// idempotencyKey returns the key of a request, empty without one.
func idempotencyKey(header http.Header) (string, error) {
	key := header.Get("Idempotency-Key")
	outside := func(c rune) bool { return c < ' ' || c > '~' }
	if len(key) > maxKeyLength || strings.ContainsFunc(key, outside) {
		return "", newProblem(http.StatusBadRequest, fmt.Sprintf("the Idempotency-Key is not 1 to %d printable ASCII characters", maxKeyLength))
	}
	return key, nil
}

// Window bounds the timestamps that are taken.
type Window struct {
	// Future is how far a sensor's clock may be ahead of the service's; 0, and
	// what is more, is farthest.
	Future time.Duration
	// Retention is how long readings are kept; 0 is for ever. An older one is
	// refused, for it would be dropped in silence.
	Retention time.Duration
}

// farthest bounds the months of the future that have tables.
const farthest = 366 * 24 * time.Hour

func (w Window) check(at, now time.Time) error {
	future := min(w.Future, farthest)
	if future == 0 {
		future = farthest
	}
	switch {
	case at.After(now.Add(future)):
		return &reading.FieldError{Field: "timestamp", Reason: fmt.Sprintf("is more than %s in the future, check the sensor's clock", future)}
	case w.Retention > 0 && at.Before(now.Add(-w.Retention)):
		return &reading.FieldError{Field: "timestamp", Reason: fmt.Sprintf("is older than the %s for which readings are kept", w.Retention)}
	}
	return nil
}

// store puts a batch into the warehouse or, while that is off, into the inbox
// for the processor.
func (a *API) store(ctx context.Context, batch []reading.Reading) (warehouse.Stored, error) {
	if a.cfg.Warehouse != nil {
		return a.cfg.Warehouse.Insert(ctx, batch)
	}
	return a.putInbox(ctx, batch)
}
