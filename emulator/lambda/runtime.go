package lambda

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxPayload bounds events and answers, as Lambda does for synchronous ones.
const maxPayload = 6 << 20

// invocation is one event on its way through an environment.
type invocation struct {
	id      string
	arn     string
	version string
	payload []byte
	timeout time.Duration
	// done takes one answer.
	done chan answer
}

// answer is what the process said to an event.
type answer struct {
	payload []byte
	failed  bool
}

// runtimeAPI serves the process, as described in the Lambda Developer Guide,
// "Using the Lambda runtime API".
func (e *environment) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		e.serveAnswer(w, r, r.PathValue("id"), answer{})
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		e.serveAnswer(w, r, r.PathValue("id"), answer{failed: true})
	})
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.serveInitError)
	return mux
}

func (e *environment) serveNext(w http.ResponseWriter, r *http.Request) {
	var call *invocation
	select {
	case call = <-e.next:
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	e.current = call
	e.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", call.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(call.timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", call.arn)
	_, _ = w.Write(call.payload)
}

func (e *environment) serveAnswer(w http.ResponseWriter, r *http.Request, id string, a answer) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	e.mu.Lock()
	call := e.current
	if call == nil || call.id != id {
		e.mu.Unlock()
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	e.current = nil
	e.mu.Unlock()
	a.payload = payload
	if len(payload) > maxPayload {
		o := failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload)
		a = answer{payload: o.payload, failed: true}
	}
	call.done <- a
	accept(w)
}

// serveInitError takes the word of a process that it cannot start; the event it
// was started for fails when the process ends.
func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	_, _ = e.output.Write(append(payload, '\n'))
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
