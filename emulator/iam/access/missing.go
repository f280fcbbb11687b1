package access

import (
	"context"
	"net/http"
	"strings"

	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// unlisted keeps from a session that may not list a bucket whether an object is
// there: S3 then answers "forbidden" for one that is missing.
type unlisted struct {
	http.ResponseWriter
	access  *Access
	request *http.Request
	session *Session
	call    calls.Call
	refused bool
}

// readsObject says whether a call reads an object, which may be missing.
func readsObject(call calls.Call) bool {
	return call.Service == "s3" && (call.Operation == "GetObject" || call.Operation == "HeadObject")
}

// WriteHeader replaces the answer that there is no such object.
func (w *unlisted) WriteHeader(status int) {
	if status == http.StatusNotFound {
		if p := w.mayList(w.request.Context()); p != nil {
			w.refused = true
			// What the header says is of the answer that is not sent.
			for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag"} {
				w.Header().Del(name)
			}
			w.access.refuse(w.ResponseWriter, w.request, *p)
			return
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write passes the answer on, unless it was replaced.
func (w *unlisted) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets the response controller reach the connection.
func (w *unlisted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *unlisted) mayList(ctx context.Context) *problem {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(w.call.Checks[0].Resource, "arn:aws:s3:::"), "/")
	values := iam.Values{}
	values.Set("s3:prefix", key)
	request, decision, err := w.access.decide(ctx, w.session, w.request, w.call.Region, calls.Check{
		Action: "s3:ListBucket", Resource: "arn:aws:s3:::" + bucket, Context: values,
	})
	if err != nil {
		return internal(err)
	}
	w.access.record.add(w.session, w.call, request, decision)
	if decision.Allowed {
		return nil
	}
	return denied("s3", request, decision)
}
