package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/sensor-backend/pipeline"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// bucket is a fake S3 that lists two keys a page.
type bucket struct {
	mutex   sync.Mutex
	objects map[string]string
	lists   int
	err     error
}

func (b *bucket) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	raw, err := io.ReadAll(in.Body)
	b.objects[*in.Key] = string(raw)
	return &s3.PutObjectOutput{}, errors.Join(err, b.err)
}

func (b *bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	text, ok := b.objects[*in.Key]
	if !ok {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(text))}, nil
}

func (b *bucket) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.lists++
	after := max(aws.ToString(in.StartAfter), aws.ToString(in.ContinuationToken))
	out := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, *in.Prefix) || key <= after {
			continue
		}
		if len(out.Contents) == 2 {
			out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[1].Key
			break
		}
		out.Contents = append(out.Contents, types.Object{Key: aws.String(key)})
	}
	return out, b.err
}

func storedRun(t *testing.T, started time.Time, environment string) Record {
	t.Helper()
	id, err := NewID(started, commit, bytes.NewReader([]byte{0, 1, 2, 3}))
	if err != nil {
		t.Fatal(err)
	}
	return Record{
		Schema: Schema, ID: id, Kind: Run, Commit: commit, Event: "push", Started: started, Ended: started,
		Outcome: pipeline.Passed, Target: Target{Environment: environment},
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	fake := &bucket{objects: map[string]string{"runs/prod/notes.json": "{}", "terraform.tfstate": "{}"}}
	log := Store{API: fake, Bucket: "state"}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for day := range 5 {
		r := storedRun(t, start.AddDate(0, 0, day), "prod")
		if err := errors.Join(log.Put(t.Context(), r), log.Attach(t.Context(), r, ".html", "text/html", []byte("x")), log.Attach(t.Context(), r, ".provenance.json", "application/json", []byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Put(t.Context(), storedRun(t, start, "dev")); err != nil {
		t.Fatal(err)
	}
	newer := storedRun(t, start.AddDate(0, 0, 9), "prod")
	fake.objects[newer.Key()] = `{"schema":99}`

	read := func(records []Record, unreadable []error, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var days []string
		for _, r := range records {
			days = append(days, r.Started.Format("02"))
		}
		return fmt.Sprintf("%s, unreadable: %v", strings.Join(days, " "), unreadable)
	}
	why := "unreadable: [read " + newer.Key() + ": the run record has schema 99 and this program reads up to 4: use a newer version of the module]"
	tests := []struct{ name, got, want string }{
		{"the last three", read(log.Last(t.Context(), "prod", 3)), "06 05, " + why},
		{"more than there are", read(log.Last(t.Context(), "prod", 100)), "06 05 04 03 02, " + why},
		{"of another environment", read(log.Last(t.Context(), "dev", 3)), "02, unreadable: []"},
		{"of one without runs", read(log.Last(t.Context(), "staging", 3)), ", unreadable: []"},
		{"since a second", read(log.Since(t.Context(), "prod", start.AddDate(0, 0, 3))), "06 05, " + why},
		{"since the second after", read(log.Since(t.Context(), "prod", start.AddDate(0, 0, 4).Add(time.Second))), ", " + why},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if fake.lists < 10 {
		t.Errorf("%d pages: the fake lists two keys a page", fake.lists)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	log := Store{API: &bucket{objects: map[string]string{}, err: errors.New("access denied")}, Bucket: "state"}
	r := storedRun(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "prod")
	_, _, lastErr := log.Last(t.Context(), "prod", 1)
	_, _, sinceErr := log.Since(t.Context(), "prod", r.Started)
	for _, err := range []error{log.Put(t.Context(), r), log.Attach(t.Context(), r, ".html", "text/html", nil), lastErr, sinceErr} {
		if err == nil || !strings.Contains(err.Error(), "in bucket state: access denied") {
			t.Errorf("got %v", err)
		}
	}
	r.Schema = 0
	if err := log.Put(t.Context(), r); err == nil {
		t.Error("kept a record that cannot be")
	}
}
