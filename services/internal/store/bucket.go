// Package store adapts S3, DynamoDB and SNS to the interfaces of the packages
// that use them. Each adapter is one file; start with the one you need.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sensor-backend/services/internal/processor"
)

// S3API is what the bucket adapters use of the S3 client.
type S3API interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error)
	UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error)
	CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error)
	AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, opts ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error)
}

// Bucket writes objects to one bucket.
type Bucket struct {
	api  S3API
	name string
}

// NewBucket adapts the bucket of that name.
func NewBucket(api S3API, name string) *Bucket { return &Bucket{api: api, name: name} }

// Put writes a whole object, replacing what was there.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte) error {
	return b.put(ctx, key, contentType, body, nil)
}

func (b *Bucket) put(ctx context.Context, key, contentType string, body []byte, metadata map[string]string) error {
	_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket:        aws.String(b.name),
		Key:           aws.String(key),
		Body:          bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))),
		ContentType:   aws.String(contentType),
		Metadata:      metadata,
	})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", b.name, key, err)
	}
	return nil
}

// Reader opens objects of any bucket.
type Reader struct {
	api S3API
}

// NewReader adapts a client for reading.
func NewReader(api S3API) *Reader { return &Reader{api: api} }

// Open starts reading an object. The error wraps processor.ErrNotFound when
// there is none.
func (r *Reader) Open(ctx context.Context, bucket, key string) (processor.Object, error) {
	out, err := r.api.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		var missing *types.NoSuchKey
		if errors.As(err, &missing) {
			err = fmt.Errorf("%w: %w", processor.ErrNotFound, err)
		}
		return processor.Object{}, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return processor.Object{
		Body: out.Body,
		ETag: strings.Trim(aws.ToString(out.ETag), `"`),
		Size: aws.ToInt64(out.ContentLength),

		Modified: aws.ToTime(out.LastModified),
		Source:   out.Metadata[sourceETagName],
	}, nil
}
