package httpapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"sensor-backend/services/internal/admission"
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

// readingCost is what each reading of a batch costs in memory until it is
// answered, in bytes: here, on its way into the database, and in the answer.
const readingCost = 640

// workCost is the most that a body of so many bytes, unpacked, can come to. The
// shortest element of a list and its comma are two bytes.
func workCost(size int64) int64 { return size + min(size/2+1, maxBatch)*readingCost }

// batch is the readings of a request as they are read.
type batch struct{ items []item }

// add refuses a reading beyond maxBatch.
func (b *batch) add(i item) error {
	if len(b.items) == maxBatch {
		return tooLarge()
	}
	b.items = append(b.items, i)
	return nil
}

// cost is what is left of workCost when the readings are known.
func (b *batch) cost() int64 { return int64(len(b.items)) * readingCost }

// readRequest reads the body of a request as it is sent, and returns what
// decodes it. Its error is a *problem when the request as a whole is at fault,
// and wraps admission.ErrFull when there is no room for it.
func readRequest(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket) (*body, error) {
	decode, err := decoderFor(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	b := &body{decode: decode}
	if b.packed, err = isPacked(r.Header.Values("Content-Encoding")); err != nil {
		return nil, err
	}
	// Told by its length, an oversized body is refused without reading it.
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	}
	b.sent, err = readAll(http.MaxBytesReader(w, r.Body, maxBody), 0, ticket.Take, ticket.Give)
	return b, err
}

// isPacked reads a Content-Encoding, a list in one header or several (RFC 9110,
// section 8.4).
func isPacked(encodings []string) (packed bool, err error) {
	all := strings.ToLower(strings.Join(encodings, ", "))
	for encoding := range strings.SplitSeq(all, ",") {
		encoding = strings.TrimSpace(encoding)
		switch {
		case encoding == "", encoding == "identity":
		case (encoding == "gzip" || encoding == "x-gzip") && !packed: // section 8.4.1.3: they are the same
			packed = true
		default:
			return false, newProblem(http.StatusUnsupportedMediaType, fmt.Sprintf("the content encoding is %q, expected gzip or none", all))
		}
	}
	return packed, nil
}

// body is a body as it was sent.
type body struct {
	sent   []byte
	packed bool
	decode decoder
}

// size is what the body comes to unpacked, in bytes, as gzip says in its last
// four (RFC 1952, section 2.3.1). It may lie, and its length is then found out.
func (b *body) size() int64 {
	if !b.packed {
		return int64(len(b.sent))
	}
	const field = 4
	if len(b.sent) < field {
		return 0
	}
	said := int64(binary.LittleEndian.Uint32(b.sent[len(b.sent)-field:]))
	if said == 0 || said > maxBody { // a lie, or zeros behind it
		return maxBody
	}
	return said
}

var errLie = newProblem(http.StatusBadRequest, "the body unpacks to more than its gzip trailer says, send one gzip member")

// unpacked returns the body itself, without a byte order mark.
func (b *body) unpacked() ([]byte, error) {
	plain := b.sent
	if b.packed {
		in, err := gunzip.NewReader(bufio.NewReader(bytes.NewReader(b.sent)))
		if err != nil {
			return nil, bodyError(err)
		}
		size := b.size()
		refuse := func(int64) error {
			if size == maxBody {
				return tooLarge()
			}
			return errLie
		}
		if plain, err = readAll(in, int(size)+1, refuse, nil); err != nil {
			return nil, err
		}
	}
	return bytes.TrimPrefix(plain, []byte("\ufeff")), nil
}

// decoder reads the readings of a body into a batch.
type decoder func(body []byte, into *batch) error

func decoderFor(contentType string) (decoder, error) {
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

// read decodes the body, whose bytes are not needed afterwards, and returns its
// digest.
func (b *body) read() (batch, []byte, error) {
	plain, err := b.unpacked()
	if err != nil {
		return batch{}, nil, err
	}
	b.sent = nil
	var read batch
	if err := b.decode(plain, &read); err != nil {
		return batch{}, nil, err
	}
	digest := sha256.Sum256(plain)
	return read, digest[:], nil
}

// readAll reads up to maxBody into a buffer that begins with a size. Beyond that
// it asks for room for what has come only: a client that sends slowly holds no
// more than it has sent.
func readAll(in io.Reader, size int, take func(bytes int64) error, give func(bytes int64)) ([]byte, error) {
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			const first = 4 << 10
			longer := max(first, min(2*cap(body), maxBody+1))
			if err := take(int64(longer)); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, longer), body...)
			if longer > first {
				give(int64(longer) / 2)
			}
		}
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxBody:
			return nil, tooLarge()
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, bodyError(err)
		}
	}
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
func decodeLines(body []byte, into *batch) error {
	var plain reading.Plain
	for line := range bytes.Lines(body) {
		// Files put one behind the other keep their byte order marks.
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		if len(line) == 0 {
			continue
		}
		if err := into.add(decodeReading(&plain, line)); err != nil {
			return err
		}
	}
	return nil
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
