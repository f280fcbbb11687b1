package s3events

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"sensor-backend/emulator/awsapi"
)

func TestReadChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, target string
		header         map[string]string
		want           Change
		ok             bool
	}{
		{http.MethodPut, "/b/a%20b%2Bc/d.csv", nil, Change{"ObjectCreated:Put", "b", "a b+c/d.csv"}, true},
		{http.MethodPut, "/b/k?x-id=PutObject", nil, Change{"ObjectCreated:Put", "b", "k"}, true},
		{http.MethodPut, "/b/k", map[string]string{"X-Amz-Copy-Source": "b/j"}, Change{"ObjectCreated:Copy", "b", "k"}, true},
		{http.MethodPost, "/b/k?uploadId=1", nil, Change{"ObjectCreated:CompleteMultipartUpload", "b", "k"}, true},
		{http.MethodDelete, "/b/k", nil, Change{"ObjectRemoved:Delete", "b", "k"}, true},
		{http.MethodPut, "/b/k?partNumber=1&uploadId=1", nil, Change{}, false},
		{http.MethodPost, "/b/k?uploads", nil, Change{}, false},
		{http.MethodDelete, "/b/k?uploadId=1", nil, Change{}, false},
		{http.MethodPut, "/b/k?tagging", nil, Change{}, false},
		{http.MethodPut, "/b", nil, Change{}, false},
		{http.MethodPut, "/b/?policy", nil, Change{}, false},
		{http.MethodGet, "/b/k", nil, Change{}, false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		for name, value := range tt.header {
			r.Header.Set(name, value)
		}
		got, ok := ReadChange(r)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s %s: got %+v, %v", tt.method, tt.target, got, ok)
		}
	}
}

func FuzzReadChange(f *testing.F) {
	f.Add("PUT", "/b/a%20b")
	f.Fuzz(func(t *testing.T, method, path string) {
		parsed, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip("no path of a request")
		}
		change, ok := ReadChange(&http.Request{Method: method, URL: parsed, Header: http.Header{}})
		if ok && (change.Bucket == "" || change.Key == "" || change.Event == "") {
			t.Errorf("%s %s: %+v", method, path, change)
		}
	})
}

const notification = `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<CloudFunctionConfiguration><Id>one</Id><CloudFunction>arn:one</CloudFunction><Event>s3:ObjectCreated:*</Event>
<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule><FilterRule><Name>suffix</Name><Value>.csv</Value></FilterRule></S3Key></Filter>
</CloudFunctionConfiguration>
<CloudFunctionConfiguration><Id>two</Id><CloudFunction>arn:two</CloudFunction><Event>s3:ObjectRemoved:Delete</Event></CloudFunctionConfiguration>
</NotificationConfiguration>`

// bucket is a Buckets with one configuration.
type bucket struct{ notification string }

func (b bucket) Get(context.Context, string, string, string) ([]byte, error) {
	return []byte(b.notification), nil
}

func (b bucket) Head(_ context.Context, _, _, path string) (http.Header, error) {
	if path != "/b/in/a%20b+c.csv?versionId=v1" {
		return nil, awsapi.Errorf("NoSuchKey", "no object at %s", path)
	}
	return http.Header{"Etag": {`"e1"`}, "Content-Length": {"12"}}, nil
}

func TestNotifierTellsWhoAsked(t *testing.T) {
	t.Parallel()
	type call struct {
		function string
		event    []byte
	}
	tests := map[string]struct {
		change Change
		want   string
	}{
		"created":        {Change{"ObjectCreated:Put", "b", "in/a b+c.csv"}, "arn:one"},
		"other prefix":   {Change{"ObjectCreated:Put", "b", "out/a.csv"}, ""},
		"other suffix":   {Change{"ObjectCreated:Put", "b", "in/a.txt"}, ""},
		"removed":        {Change{"ObjectRemoved:Delete", "b", "x"}, "arn:two"},
		"gone meanwhile": {Change{"ObjectCreated:Put", "b", "in/gone.csv"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls []call
			n := New(bucket{notification}, func(_ context.Context, _, function, _ string, event []byte) error {
				calls = append(calls, call{function, event})
				return nil
			}, time.Now, slog.New(slog.DiscardHandler))
			n.Changed(t.Context(), "eu-central-1", tt.change, http.Header{"X-Amz-Version-Id": {"v1"}})
			if tt.want == "" {
				if len(calls) > 0 {
					t.Errorf("told %+v", calls)
				}
				return
			}
			if len(calls) != 1 || calls[0].function != tt.want {
				t.Fatalf("told %+v, want %s", calls, tt.want)
			}
			checkEvent(t, calls[0].event, tt.change)
		})
	}
}

func checkEvent(t *testing.T, text []byte, change Change) {
	t.Helper()
	var event struct {
		Records []struct {
			EventName string
			S3        struct {
				Bucket struct{ Name string }
				Object struct {
					Key, ETag, VersionID, Sequencer string
					Size                            int64
				}
			}
		}
	}
	if err := json.Unmarshal(text, &event); err != nil || len(event.Records) != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	r := event.Records[0]
	key, err := url.QueryUnescape(r.S3.Object.Key)
	if err != nil || key != change.Key || r.EventName != change.Event || r.S3.Bucket.Name != change.Bucket || r.S3.Object.Sequencer == "" {
		t.Errorf("got %+v, %v", r, err)
	}
	if change.Event == "ObjectCreated:Put" && (r.S3.Object.Size != 12 || r.S3.Object.ETag != "e1" || r.S3.Object.VersionID != "v1") {
		t.Errorf("got %+v", r.S3.Object)
	}
}

func TestSequencersGrow(t *testing.T) {
	t.Parallel()
	var last string
	n := New(bucket{notification}, func(_ context.Context, _, _, _ string, event []byte) error {
		var parsed struct {
			Records []struct {
				S3 struct{ Object struct{ Sequencer string } }
			}
		}
		if err := json.Unmarshal(event, &parsed); err != nil {
			return err
		}
		if now := parsed.Records[0].S3.Object.Sequencer; now <= last {
			t.Errorf("%s after %s", now, last)
		} else {
			last = now
		}
		return nil
	}, time.Now, slog.New(slog.DiscardHandler))
	for range 20 {
		n.Changed(t.Context(), "eu-central-1", Change{"ObjectRemoved:Delete", "b", "k"}, nil)
	}
	if last == "" {
		t.Error("no event was sent")
	}
}
