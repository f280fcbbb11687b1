package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sensor-backend/services/internal/store"
)

func (f *fakeS3) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	f.uploads++
	return &s3.CreateMultipartUploadOutput{UploadId: aws.String("u")}, f.err
}

func (f *fakeS3) UploadPart(_ context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if f.partErr != nil {
		return nil, f.partErr
	}
	body, err := io.ReadAll(in.Body)
	f.parts = append(f.parts, string(body))
	return &s3.UploadPartOutput{ETag: aws.String(fmt.Sprint(*in.PartNumber))}, err
}

func (f *fakeS3) CompleteMultipartUpload(_ context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	var all strings.Builder
	for i, p := range in.MultipartUpload.Parts {
		if int(*p.PartNumber) != i+1 || *p.ETag != fmt.Sprint(i+1) {
			return nil, fmt.Errorf("part %d is %d with ETag %s", i, *p.PartNumber, *p.ETag)
		}
		all.WriteString(f.parts[i])
	}
	f.objects[*in.Bucket+"/"+*in.Key] = all.String()
	f.uploads--
	return &s3.CompleteMultipartUploadOutput{}, nil
}

func (f *fakeS3) AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	f.uploads--
	return &s3.AbortMultipartUploadOutput{}, nil
}

func TestUpload(t *testing.T) {
	t.Parallel()
	const part = 8 << 20
	for _, size := range []int{0, 100, part - 1, part, part + 1, 2*part + 100} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			api := &fakeS3{objects: map[string]string{}}
			content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			upload := store.NewBucket(api, "b").Create(t.Context(), "k", "text/plain", "of")
			for rest := content; len(rest) > 0; {
				n := min(len(rest), 300_000)
				if written, err := upload.Write(rest[:n]); err != nil || written != n {
					t.Fatal(written, err)
				}
				rest = rest[n:]
			}
			if _, early := api.objects["b/k"]; early {
				t.Error("the object is seen before Close")
			}
			if err := upload.Close(); err != nil {
				t.Fatal(err)
			}
			upload.Abort()
			if api.objects["b/k"] != string(content) || api.uploads != 0 || len(api.parts) != 0 && size < part {
				t.Errorf("%d bytes in %d parts, %d uploads left open", len(api.objects["b/k"]), len(api.parts), api.uploads)
			}
			for _, p := range api.parts[:max(0, len(api.parts)-1)] {
				if len(p) != part {
					t.Errorf("a part of %d bytes", len(p))
				}
			}
		})
	}
}

func TestUploadThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	api := &fakeS3{objects: map[string]string{}, partErr: errDown}
	upload := store.NewBucket(api, "b").Create(t.Context(), "k", "text/plain", "of")
	_, err := upload.Write(make([]byte, 9<<20))
	if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "part 1 of s3://b/k") {
		t.Errorf("got %v", err)
	}
	upload.Abort()
	upload.Abort()
	if api.uploads != 0 || len(api.objects) != 0 {
		t.Errorf("%d uploads left open, objects %v", api.uploads, len(api.objects))
	}
}
