package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"sensor-backend/services/internal/reading"
)

// decodeJSON reads {"readings":[...]}.
func decodeJSON(body []byte, into *batch) error {
	if ok, err := decodePlainBatch(body, into); ok || err != nil {
		return err
	}
	into.items = into.items[:0]
	d := newBatchDecoder(body, into)
	if err := d.decode(); err != nil {
		return batchError(err)
	}
	return nil
}

// decodePlainBatch reads a batch of plain readings and nothing else, which is
// what nearly every body is. With ok false the body is anything else.
func decodePlainBatch(body []byte, into *batch) (ok bool, err error) {
	rest, ok := afterTokens(body, "{", `"readings"`, ":", "[")
	if !ok {
		return false, nil
	}
	var plain reading.Plain
	for {
		r, taken, ok := plain.Next(rest)
		if !ok {
			return false, nil
		}
		if err := into.add(item{reading: r}); err != nil {
			return false, err
		}
		rest = rest[taken:]
		if next, ok := afterTokens(rest, ","); ok {
			rest = next
			continue
		}
		rest, ok = afterTokens(rest, "]", "}")
		return ok && len(bytes.TrimLeft(rest, spaces)) == 0, nil
	}
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
		return newProblem(http.StatusBadRequest, "the body is "+reading.JSONError(err).Error())
	}
}

// batchDecoder reads element by element, so that a batch with too many
// readings is refused when the limit is met.
type batchDecoder struct {
	json  *jsontext.Decoder
	plain reading.Plain
	into  *batch
}

// newBatchDecoder leaves to each reading what is wrong inside of it.
func newBatchDecoder(body []byte, into *batch) *batchDecoder {
	return &batchDecoder{into: into, json: jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

func (d *batchDecoder) decode() error {
	if err := d.delimiter(jsontext.KindBeginObject, "the body"); err != nil {
		return err
	}
	seen := map[string]struct{}{}
	for d.json.PeekKind() == jsontext.KindString {
		token, err := d.json.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if _, twice := seen[name]; twice {
			return newProblem(http.StatusBadRequest, fmt.Sprintf("the name %q stands twice", name))
		}
		seen[name] = struct{}{}
		if name == "readings" {
			err = d.array()
		} else {
			err = d.ignore()
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "something follows the JSON object")
	}
	return nil
}

// ignore passes over a value, which has to be right all the same.
func (d *batchDecoder) ignore() error {
	value, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	strict := jsontext.NewDecoder(bytes.NewReader(value))
	return strict.SkipValue()
}

func (d *batchDecoder) array() error {
	if err := d.delimiter(jsontext.KindBeginArray, `"readings"`); err != nil {
		return err
	}
	for d.json.PeekKind() != jsontext.KindEndArray {
		raw, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if err := d.into.add(decodeReading(&d.plain, raw)); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

func (d *batchDecoder) delimiter(want jsontext.Kind, what string) error {
	got, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if got.Kind() != want {
		return newProblem(http.StatusBadRequest, fmt.Sprintf(`%s does not start with %q; expected {"readings":[...]}`, what, string(want)))
	}
	return nil
}
