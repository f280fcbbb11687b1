package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/reading"
)

const (
	// maxBody bounds a batch's JSON, in bytes.
	maxBody = 8 << 20
	// maxBatch bounds the readings of a batch.
	maxBatch = 10_000
	// maxReported bounds the rejected readings named in one answer.
	maxReported = 100
)

type ingestAnswer struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
}

// postReadings stores a batch, all or nothing. Posting it again is harmless:
// readings already there count as duplicates.
func (a *API) postReadings(c echo.Context) error {
	r := c.Request()
	if a.cfg.Warehouse == nil && a.cfg.Inbox == nil {
		return newProblem(http.StatusServiceUnavailable, "the warehouse is off and there is no source bucket to take the batch")
	}
	// Told by its length, an oversized body is refused without reading it.
	if r.ContentLength > maxBody {
		c.Response().Header().Set("Connection", "close")
		return tooLarge()
	}
	batch, err := decodeBatch(http.MaxBytesReader(c.Response(), r.Body, maxBody))
	if err != nil {
		return err
	}
	accepted, err := a.store(r.Context(), batch)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, ingestAnswer{Accepted: accepted, Duplicates: len(batch) - accepted})
}

func tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("a batch has at most %d bytes and %d readings, send several", maxBody, maxBatch))
}

// decodeBatch reads {"readings":[...]} element by element, so that a batch with
// too many readings is refused when the limit is met, not when it is all read.
func decodeBatch(body io.Reader) ([]reading.Reading, error) {
	d := batchDecoder{json: json.NewDecoder(body)}
	if err := d.decode(); err != nil {
		return nil, batchError(err)
	}
	if len(d.rejected) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity,
			fmt.Sprintf("%d of %d readings are not acceptable, nothing was stored", d.rejections, d.total), d.rejected...)
	}
	if len(d.readings) == 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "the batch holds no readings",
			fieldProblem{Field: "readings", Reason: "is missing or empty"})
	}
	return d.readings, nil
}

func batchError(err error) error {
	var p *problem
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &limit):
		return tooLarge()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, "the body ends before its JSON does")
	default:
		return newProblem(http.StatusBadRequest, "the body is not JSON: "+err.Error())
	}
}

type batchDecoder struct {
	json       *json.Decoder
	readings   []reading.Reading
	rejected   []fieldProblem
	rejections int
	total      int
}

func (d *batchDecoder) decode() error {
	if err := d.delimiter('{', "the body"); err != nil {
		return err
	}
	for d.json.More() {
		name, err := d.json.Token()
		if err != nil {
			return err
		}
		if name != "readings" {
			var ignored json.RawMessage
			if err := d.json.Decode(&ignored); err != nil {
				return err
			}
			continue
		}
		if err := d.array(); err != nil {
			return err
		}
	}
	if _, err := d.json.Token(); err != nil {
		return err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		if err != nil {
			return err
		}
		return newProblem(http.StatusBadRequest, "something follows the JSON object")
	}
	return nil
}

func (d *batchDecoder) array() error {
	if err := d.delimiter('[', `"readings"`); err != nil {
		return err
	}
	for ; d.json.More(); d.total++ {
		if d.total == maxBatch {
			return tooLarge()
		}
		var raw json.RawMessage
		if err := d.json.Decode(&raw); err != nil {
			return err
		}
		d.element(raw)
	}
	_, err := d.json.Token()
	return err
}

func (d *batchDecoder) element(raw json.RawMessage) {
	r, err := reading.FromJSON(raw, reading.Defaults{})
	if err == nil {
		d.readings = append(d.readings, r)
		return
	}
	d.rejections++
	if len(d.rejected) == maxReported {
		return
	}
	index := d.total
	p := fieldProblem{Index: &index, Reason: err.Error()}
	var field *reading.FieldError
	if errors.As(err, &field) {
		p.Field, p.Reason = field.Field, field.Reason
	}
	d.rejected = append(d.rejected, p)
}

func (d *batchDecoder) delimiter(want json.Delim, what string) error {
	got, err := d.json.Token()
	if err != nil {
		return err
	}
	if got != want {
		return newProblem(http.StatusBadRequest, fmt.Sprintf(`%s does not start with %q; expected {"readings":[...]}`, what, want.String()))
	}
	return nil
}
