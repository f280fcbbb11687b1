package access

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// withoutEnvironment takes the environment out of what Lambda says of a function,
// and puts there what Lambda says to who may not decrypt it.
type withoutEnvironment struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader keeps the status.
func (w *withoutEnvironment) WriteHeader(status int) { w.status = status }

// Write keeps the answer.
func (w *withoutEnvironment) Write(p []byte) (int, error) { return w.body.Write(p) }

// flush sends the answer that was kept.
func (w *withoutEnvironment) flush() {
	body := w.body.Bytes()
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err == nil {
		configuration := answer
		if inner, ok := answer["Configuration"].(map[string]any); ok {
			configuration = inner
		}
		if _, has := configuration["Environment"]; has {
			configuration["Environment"] = map[string]any{"Error": map[string]string{
				"ErrorCode": "AccessDeniedException",
				"Message":   "Lambda was unable to decrypt your environment variables because the KMS access was denied. Please check your KMS permissions.",
			}}
			if changed, err := json.Marshal(answer); err == nil {
				body = changed
			}
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	_, _ = w.ResponseWriter.Write(body)
}
