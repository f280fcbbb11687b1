package notify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"dagger/sensor-backend/redact"
)

// mostAnswer is how much of an answer is read: a page of GitHub's longest comments.
const mostAnswer = 16 << 20

// request is one request whose body is JSON.
type request struct {
	// method is POST if it is empty. A GET has no body.
	method  string
	address string
	// token is sent as a bearer token; empty for an address that is the secret.
	token  string
	accept string
	body   any
}

// post sends the request and returns the answer to a success. A receiver that
// is too busy (429, RFC 6585, or GitHub's 403 for its secondary rate limit) and says
// for how long is waited for once, if the
// time suffices. A redirect is not followed: it would send what is secret to an
// address that nobody gave. Errors hold neither the address nor the token, even
// where the answer quotes them.
func post(ctx context.Context, r request) ([]byte, error) {
	answer, err := send(ctx, r)
	var busy *busyError
	if errors.As(err, &busy) && busy.fits(ctx) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(busy.pause):
		}
		answer, err = send(ctx, r)
	}
	if err != nil && ctx.Err() == nil {
		err = redact.New(r.token, r.address).Error(err)
	}
	return answer, err
}

func send(ctx context.Context, r request) ([]byte, error) {
	method, content := cmp.Or(r.method, http.MethodPost), io.Reader(http.NoBody)
	if method != http.MethodGet {
		payload, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.address, content)
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return nil, errors.New("its address is malformed: give https://HOST/PATH")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(req)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err // without the address
		}
		return nil, fmt.Errorf("it cannot be reached: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	switch code := response.StatusCode; {
	case err != nil:
		return nil, fmt.Errorf("its answer breaks off: %w", err)
	case code == http.StatusTooManyRequests, code == http.StatusForbidden && response.Header.Get("Retry-After") != "":
		return nil, newBusyError(code, response.Header.Get("Retry-After"), time.Now())
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest:
		return nil, fmt.Errorf("it answers %s, and a redirect is not followed: give the address it has now", status(code))
	case code < http.StatusOK || code >= http.StatusBadRequest:
		return nil, &refusedError{code: code, said: said(answer)}
	}
	return answer, nil
}

// refusedError is an answer that is no success.
type refusedError struct {
	code int
	said string
}

// Error is the code and what the receiver said.
func (e *refusedError) Error() string { return "it answers " + status(e.code) + e.said }

// status is the code and its own words, not those of the answer.
func status(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// said is the first line of what an answer says, behind a colon, without control
// characters.
func said(answer []byte) string {
	var api struct {
		Message string `json:"message"`
	}
	text := string(answer)
	if json.Unmarshal(answer, &api) == nil && api.Message != "" {
		text = api.Message
	}
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(text, "")), "\n")
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, line)
	const most = 150
	if runes := []rune(line); len(runes) > most {
		// What is cut away could be a secret's other half, by which it would be
		// known: the word that is cut goes.
		line = string(runes[:most])
		line = line[:strings.LastIndexAny(line, " \t")+1] + "…"
	}
	if line == "" {
		return ""
	}
	return ": " + line
}

// busyError is a receiver that wants no message for a while.
type busyError struct {
	code  int
	pause time.Duration
	// known is true if the receiver said for how long.
	known bool
}

// Error says how long, if that is known.
func (e *busyError) Error() string {
	if !e.known {
		return "it answers " + status(e.code)
	}
	return fmt.Sprintf("it answers %s and wants no message for %s", status(e.code), e.pause)
}

// fits reports whether waiting leaves time for another try.
func (e *busyError) fits(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	return e.known && (!bounded || time.Now().Add(e.pause).Before(end))
}

// newBusyError reads Retry-After (RFC 9110, 10.2.3): seconds, or a date.
func newBusyError(code int, header string, now time.Time) *busyError {
	if seconds, err := strconv.ParseUint(header, 10, 20); err == nil {
		return &busyError{code: code, pause: time.Duration(seconds) * time.Second, known: true}
	}
	if until, err := http.ParseTime(header); err == nil {
		return &busyError{code: code, pause: max(0, until.Sub(now)).Round(time.Second), known: true}
	}
	return &busyError{code: code}
}
