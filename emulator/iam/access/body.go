package access

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam/calls"
)

// maxBody bounds what is read of a body: a function's package may be 50 MiB, and a
// third more in base64.
const maxBody = 80 << 20

// bodyOf reads a request's body at the first call, and puts it back.
func bodyOf(r *http.Request) calls.Body {
	return sync.OnceValues(func() ([]byte, error) {
		if r.Body == nil {
			return nil, nil
		}
		raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return nil, awsapi.Errorf("InvalidRequest", "reading the body: %v", err)
		}
		if len(raw) > maxBody {
			return nil, &awsapi.Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException", Message: "the body is over 80 MiB"}
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if len(r.TransferEncoding) == 0 {
			r.ContentLength = int64(len(raw))
		}
		return raw, nil
	})
}

// isObject says whether a request to S3 is about an object.
func isObject(r *http.Request) bool {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return key != ""
}

// keepsPolicies says whether an operation leaves policies, roles and keys as they
// are, by its name.
func keepsPolicies(operation string) bool {
	for _, verb := range [...]string{
		"Get", "List", "Describe", "Simulate", "Send", "Receive", "Decrypt", "Encrypt", "GenerateDataKey", "BatchGet",
		"BatchCheck", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "PutLogEvents", "PutImage",
	} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
