// Package awsapi reads what AWS clients send and writes what they expect back:
// the operation and region of a request, JSON 1.1 answers and errors.
package awsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// DefaultRegion is used for requests that name none.
const DefaultRegion = "us-east-1"

// DefaultAccount is the account moto answers for.
const DefaultAccount = "123456789012"

// Scope is the part of a signature that says whom a request is for.
type Scope struct {
	Region  string
	Service string
}

// ReadScope reads the credential scope from the Authorization header or a
// presigned query; ok is false for an unsigned request.
func ReadScope(r *http.Request) (scope Scope, ok bool) {
	if s, ok := ParseAuthorization(r.Header.Get("Authorization")); ok {
		return s, true
	}
	return parseCredential(r.URL.Query().Get("X-Amz-Credential"))
}

// ParseAuthorization reads the scope out of a Signature Version 4 header.
func ParseAuthorization(header string) (Scope, bool) {
	rest, found := strings.CutPrefix(header, "AWS4-")
	if !found {
		return Scope{}, false
	}
	_, rest, found = strings.Cut(rest, "Credential=")
	if !found {
		return Scope{}, false
	}
	credential, _, _ := strings.Cut(rest, ",")
	return parseCredential(strings.TrimSpace(credential))
}

func parseCredential(credential string) (Scope, bool) {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" {
		return Scope{}, false
	}
	n := len(parts)
	return Scope{Region: parts[n-3], Service: parts[n-2]}, true
}

// JSONOperation splits X-Amz-Target into the service prefix and operation.
func JSONOperation(r *http.Request) (service, operation string, ok bool) {
	return strings.Cut(r.Header.Get("X-Amz-Target"), ".")
}

// Error is an error as AWS's JSON services state it.
type Error struct {
	Status  int
	Code    string
	Message string
}

// Error gives the code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes a client error with code and message.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// IsCode says whether err is an AWS error of that code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// ParseError reads an error answer in JSON; another format is kept as text.
func ParseError(status int, body []byte) *Error {
	var parsed struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		text := string(body)
		if len(text) > 300 {
			text = text[:300]
		}
		return &Error{Status: status, Code: fmt.Sprintf("HTTP%d", status), Message: text}
	}
	e := &Error{Status: status, Code: parsed.Type, Message: parsed.Message}
	if e.Code == "" {
		e.Code = parsed.Code
	}
	if i := strings.LastIndexByte(e.Code, '#'); i >= 0 {
		e.Code = e.Code[i+1:]
	}
	if e.Message == "" {
		e.Message = parsed.Upper
	}
	return e
}

// WriteJSON answers 200 with a JSON 1.1 body.
func WriteJSON(w http.ResponseWriter, body any) {
	writeJSON(w, http.StatusOK, "application/x-amz-json-1.1", body)
}

// WriteREST answers with a plain JSON body, as REST services do.
func WriteREST(w http.ResponseWriter, status int, body any) {
	writeJSON(w, status, "application/json", body)
}

// WriteError answers with err, as an AWS error of the JSON protocol; an error
// of another kind is an internal failure.
func WriteError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeJSON(w, e.Status, "application/x-amz-json-1.1", map[string]string{"__type": e.Code, "message": e.Message, "Message": e.Message})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// Time is an instant as JSON 1.1 states it: seconds since the epoch.
type Time time.Time

// MarshalJSON writes the seconds with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(time.Time(t).UnixMilli())/1000), nil
}

// TimePtr is nil for the zero time, so that an unset field is left out.
func TimePtr(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	at := Time(t)
	return &at
}
