package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"sensor-backend/services/internal/gunzip"
	"sensor-backend/services/internal/reading"
)

const (
	// maxBody bounds a batch as it is sent and, again, as it unpacks, in bytes.
	maxBody = 8 << 20
	// maxBatch bounds the readings of a batch.
	maxBatch = 10_000
)

// item is one reading of a batch as it was sent: a good one, or why not.
type item struct {
	reading reading.Reading
	problem *fieldProblem
}

func (i *item) reject(err error) {
	i.problem = &fieldProblem{Reason: err.Error()}
	var field *reading.FieldError
	if errors.As(err, &field) {
		i.problem.Field, i.problem.Reason = field.Field, field.Reason
	}
}

// decodeRequest reads the batch of a request. Its error is a *problem when the
// request as a whole is at fault.
func decodeRequest(w http.ResponseWriter, r *http.Request) (items []item, body []byte, err error) {
	decode, err := decoderFor(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, err
	}
	// Told by its length, an oversized body is refused without reading it.
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, nil, tooLarge()
	}
	body, err = readBody(http.MaxBytesReader(w, r.Body, maxBody), r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, nil, err
	}
	items, err = decode(body)
	return items, body, err
}

func decoderFor(contentType string) (func([]byte) ([]item, error), error) {
	name, _, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "", err == nil && (name == "application/json" || strings.HasSuffix(name, "+json")):
		return decodeJSON, nil
	case err == nil && (name == "application/x-ndjson" || name == "application/ndjson"):
		return decodeLines, nil
	}
	return nil, newProblem(http.StatusUnsupportedMediaType,
		fmt.Sprintf("the content type is %q, expected application/json or application/x-ndjson", contentType))
}

func tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge,
		fmt.Sprintf("a batch has at most %d bytes, unpacked too, and %d readings; send several", maxBody, maxBatch))
}

// readBody reads a body to its end, through gzip when it says so, and not
// further than maxBody however well it is packed.
func readBody(in io.Reader, encoding string) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
	case "gzip", "x-gzip": // RFC 9110, section 8.4.1.3: they are the same
		unpacked, err := gunzip.NewReader(bufio.NewReader(in))
		if err != nil {
			return nil, bodyError(err)
		}
		in = unpacked
	default:
		return nil, newProblem(http.StatusUnsupportedMediaType, fmt.Sprintf("the content encoding is %q, expected gzip or none", encoding))
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if len(body) > maxBody {
		return nil, tooLarge()
	}
	return bytes.TrimPrefix(body, []byte("\ufeff")), nil
}

func bodyError(err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return tooLarge()
	case errors.Is(err, gunzip.ErrCorrupt), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, "the body is cut off or not what its content encoding says")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "the body came too slowly, send a smaller batch")
	default:
		return newProblem(http.StatusBadRequest, "the body cannot be read: "+err.Error())
	}
}

// decodeLines reads NDJSON: one reading a line, blank lines passed over.
func decodeLines(body []byte) ([]item, error) {
	var plain reading.Plain
	var items []item
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(items) == maxBatch {
			return nil, tooLarge()
		}
		items = append(items, decodeReading(&plain, line))
	}
	return items, nil
}

func decodeReading(plain *reading.Plain, data []byte) item {
	if r, taken, ok := plain.Next(data); ok && taken == len(data) {
		return item{reading: r}
	}
	var i item
	var err error
	if i.reading, err = reading.FromJSON(data, reading.Defaults{}, nil); err != nil {
		i.reject(err)
	}
	return i
}
