// Package s3events tells Lambda functions of the objects that are made and
// removed in S3 buckets, as the buckets' notification configurations ask.
package s3events

import (
	"net/http"
	"net/url"
	"strings"
)

// Change is what a request does to one object, if it succeeds.
type Change struct {
	// Event is the event's name without "s3:", such as ObjectCreated:Put.
	Event string
	// Bucket and Key name the object; Key is not encoded.
	Bucket, Key string
}

// ReadChange says what a request to S3, with the bucket in the path, does to an
// object; ok is false for one that changes none.
func ReadChange(r *http.Request) (change Change, ok bool) {
	bucket, key, found := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if !found || bucket == "" || key == "" {
		return Change{}, false
	}
	key, err := url.PathUnescape(key)
	if err != nil {
		return Change{}, false
	}
	event := eventOf(r)
	return Change{Event: event, Bucket: bucket, Key: key}, event != ""
}

// eventOf names the event of a request to an object, or "".
func eventOf(r *http.Request) string {
	query := r.URL.Query()
	for _, sub := range []string{"tagging", "acl", "retention", "legal-hold", "uploads", "partNumber"} {
		if query.Has(sub) {
			return ""
		}
	}
	switch r.Method {
	case http.MethodPut:
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			return "ObjectCreated:Copy"
		}
		return "ObjectCreated:Put"
	case http.MethodPost:
		if query.Has("uploadId") {
			return "ObjectCreated:CompleteMultipartUpload"
		}
	case http.MethodDelete:
		if query.Has("versionId") || !query.Has("uploadId") {
			return "ObjectRemoved:Delete"
		}
	}
	return ""
}
