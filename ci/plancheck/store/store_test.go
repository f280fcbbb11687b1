package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type fakeObjects struct {
	objects map[string][]byte
	fail    error
}

func (f *fakeObjects) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	content, err := io.ReadAll(in.Body)
	f.objects[*in.Bucket+"/"+*in.Key] = content
	return &s3.PutObjectOutput{}, err
}

func (f *fakeObjects) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	content, ok := f.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(content))}, nil
}

func TestSaveAndFetch(t *testing.T) {
	t.Parallel()
	f := &fakeObjects{objects: map[string][]byte{}}
	s := Store{f, "state", "dev/plans/"}
	id, err := s.Save(t.Context(), []byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.objects["state/dev/plans/"+id+".tfplan"]; !ok {
		t.Errorf("stored as %v", f.objects)
	}
	got, err := s.Fetch(t.Context(), id)
	if err != nil || string(got) != "plan" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdef"
	tests := []struct {
		name, id string
		fake     fakeObjects
		want     string
	}{
		{"what is not an id", "../../prod", fakeObjects{}, "16 hex digits"},
		{"one that is not there", id, fakeObjects{}, "run plan first"},
		{"one that was changed", id, fakeObjects{objects: map[string][]byte{"state/dev/plans/" + id + ".tfplan": []byte("other")}}, "not the one that was reviewed"},
		{"without permission", id, fakeObjects{fail: errors.New("AccessDenied")}, "AccessDenied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Store{&tt.fake, "state", "dev/plans"}.Fetch(t.Context(), tt.id)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSaveNamesTheBucket(t *testing.T) {
	t.Parallel()
	_, err := Store{&fakeObjects{fail: errors.New("AccessDenied")}, "state", "dev/plans"}.Save(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "bucket state") {
		t.Errorf("got %v", err)
	}
}
