package store_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/store"
)

type fakeS3 struct {
	objects map[string]string // by bucket/key
	err     error
	partErr error
	uploads int // begun and neither finished nor given up
	parts   []string
}

func (f *fakeS3) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	body, ok := f.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{
		Body: io.NopCloser(strings.NewReader(body)), ETag: aws.String(`"abc"`), ContentLength: aws.Int64(int64(len(body))),
	}, nil
}

func (f *fakeS3) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	body, err := io.ReadAll(in.Body)
	f.objects[*in.Bucket+"/"+*in.Key] = string(body)
	return &s3.PutObjectOutput{}, err
}

func TestBucketAndReader(t *testing.T) {
	t.Parallel()
	api := &fakeS3{objects: map[string]string{}}
	if err := store.NewBucket(api, "b").Put(t.Context(), "k 1", "text/plain", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	reader := store.NewReader(api)
	object, err := reader.Open(t.Context(), "b", "k 1")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(object.Body)
	if err != nil || string(body) != "hello" || object.ETag != "abc" || object.Size != 5 {
		t.Errorf("got %q, %+v, %v", body, object, err)
	}
	if err := object.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := reader.Open(t.Context(), "b", "other"); !errors.Is(err, processor.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestBucketErrorsNameTheObject(t *testing.T) {
	t.Parallel()
	api := &fakeS3{err: errDown}
	_, openErr := store.NewReader(api).Open(t.Context(), "b", "k")
	for _, err := range []error{openErr, store.NewBucket(api, "b").Put(t.Context(), "k", "", nil)} {
		if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "s3://b/k") || errors.Is(err, processor.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}
