package lambda

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
)

// Operation names the operation of a request to Lambda that a deployment calls,
// or "" for another.
func Operation(r *http.Request) string {
	path := r.URL.EscapedPath()
	for _, o := range [...]struct{ method, suffix, name string }{
		{http.MethodPost, "/invocations", "Invoke"},
		{http.MethodPut, "/code", "UpdateFunctionCode"},
		{http.MethodGet, "/configuration", "GetFunctionConfiguration"},
		{http.MethodPut, "/configuration", "UpdateFunctionConfiguration"},
		{http.MethodPost, "/versions", "PublishVersion"},
	} {
		if r.Method == o.method && strings.HasPrefix(path, "/2015-03-31/functions/") && strings.HasSuffix(path, o.suffix) {
			return o.name
		}
	}
	if strings.Contains(path, "/aliases/") {
		return map[string]string{http.MethodGet: "GetAlias", http.MethodPut: "UpdateAlias"}[r.Method]
	}
	return ""
}

// Route recognizes the Invoke operation, POST
// /2015-03-31/functions/NAME/invocations?Qualifier=…, and reads whom it names.
func Route(r *http.Request, region string) (Name, bool) {
	rest, found := strings.CutPrefix(r.URL.EscapedPath(), "/2015-03-31/functions/")
	if !found || r.Method != http.MethodPost {
		return Name{}, false
	}
	text, found := strings.CutSuffix(rest, "/invocations")
	if !found {
		return Name{}, false
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return Name{}, false
	}
	name, err := ParseName(text, region)
	if err != nil {
		return Name{}, false
	}
	if qualifier := r.URL.Query().Get("Qualifier"); qualifier != "" {
		name.Qualifier = qualifier
	}
	return name, true
}

// ServeInvoke answers the Invoke operation.
func (s *Service) ServeInvoke(w http.ResponseWriter, r *http.Request, name Name) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil:
		err = awsapi.Errorf("InvalidRequestContentException", "reading the payload: %v", err)
	case len(payload) > maxPayload:
		err = &awsapi.Error{
			Status: http.StatusRequestEntityTooLarge, Code: "RequestTooLargeException",
			Message: "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
		}
	}
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		s.serveSynchronous(w, r, name, payload)
	case "Event":
		id, err := s.Enqueue(r.Context(), name, payload)
		s.answerEmpty(w, http.StatusAccepted, id, err)
	case "DryRun":
		_, err := s.resolve(r.Context(), name)
		s.answerEmpty(w, http.StatusNoContent, uuid.NewString(), err)
	default:
		awsapi.WriteError(w, awsapi.Errorf("InvalidParameterValueException", "%q is not an invocation type", kind))
	}
}

func (s *Service) serveSynchronous(w http.ResponseWriter, r *http.Request, name Name, payload []byte) {
	result, err := s.Invoke(r.Context(), name, payload)
	if err != nil {
		awsapi.WriteError(w, apiError(err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", result.RequestID)
	h.Set("X-Amz-Executed-Version", result.Version)
	if result.Failed {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.LogTail))
	}
	_, _ = w.Write(result.Payload)
}

func (s *Service) answerEmpty(w http.ResponseWriter, status int, requestID string, err error) {
	if err != nil {
		awsapi.WriteError(w, apiError(err))
		return
	}
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(status)
}

// apiError leaves moto's own errors as they are; what else keeps a function
// from running is, to Lambda's callers, a fault of the function's setup.
func apiError(err error) error {
	var e *awsapi.Error
	if errors.As(err, &e) {
		return e
	}
	return &awsapi.Error{Status: http.StatusBadGateway, Code: "InvalidRuntimeException", Message: err.Error()}
}
