package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sensor-backend/services/internal/reading"
)

// decodeJSON reads {"readings":[...]}.
func decodeJSON(body []byte) ([]item, error) {
	if items, ok := decodePlainBatch(body); ok {
		return items, nil
	}
	d := batchDecoder{json: json.NewDecoder(bytes.NewReader(body))}
	if err := d.decode(); err != nil {
		return nil, batchError(err)
	}
	return d.items, nil
}

// decodePlainBatch reads a batch of plain readings and nothing else, which is
// what nearly every body is. With ok false the body is anything else.
func decodePlainBatch(body []byte) (items []item, ok bool) {
	rest, ok := afterTokens(body, "{", `"readings"`, ":", "[")
	if !ok {
		return nil, false
	}
	var plain reading.Plain
	for len(items) < maxBatch {
		r, taken, ok := plain.Next(rest)
		if !ok {
			return nil, false
		}
		items = append(items, item{reading: r})
		rest = rest[taken:]
		if next, ok := afterTokens(rest, ","); ok {
			rest = next
			continue
		}
		rest, ok = afterTokens(rest, "]", "}")
		return items, ok && len(bytes.TrimLeft(rest, spaces)) == 0
	}
	return nil, false
}

const spaces = " \t\r\n"

// afterTokens passes over the tokens, white space before each.
func afterTokens(data []byte, tokens ...string) (rest []byte, ok bool) {
	for _, token := range tokens {
		if data, ok = bytes.CutPrefix(bytes.TrimLeft(data, spaces), []byte(token)); !ok {
			return nil, false
		}
	}
	return data, true
}

func batchError(err error) error {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, "the body ends before its JSON does")
	default:
		return newProblem(http.StatusBadRequest, "the body is not JSON: "+strings.TrimPrefix(err.Error(), "json: "))
	}
}

// batchDecoder reads element by element, so that a batch with too many
// readings is refused when the limit is met.
type batchDecoder struct {
	json  *json.Decoder
	plain reading.Plain
	items []item
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
	for d.json.More() {
		if len(d.items) == maxBatch {
			return tooLarge()
		}
		var raw json.RawMessage
		if err := d.json.Decode(&raw); err != nil {
			return err
		}
		d.items = append(d.items, decodeReading(&d.plain, raw))
	}
	_, err := d.json.Token()
	return err
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
