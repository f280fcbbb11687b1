package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sensor-backend/services/internal/processor"
)

// partSize is what an upload holds in memory. S3 takes parts from 5 MiB on and
// up to 10,000 of them: 78 GiB.
const partSize = 8 << 20

// sourceETagName names what is kept with a derived object (x-amz-meta-source-etag).
const sourceETagName = "source-etag"

// upload writes one object: in one call when it is short, and in parts when it
// is not.
type upload struct {
	bucket      *Bucket
	ctx         context.Context //nolint:containedctx // an upload lives as long as the call that makes it
	key         string
	contentType string
	metadata    map[string]string
	buffer      bytes.Buffer
	id          *string // of the multipart upload, once there is one
	parts       []types.CompletedPart
	closed      bool
}

// Create implements processor.Sink.
func (b *Bucket) Create(ctx context.Context, key, contentType, sourceETag string) processor.Upload {
	return &upload{bucket: b, ctx: ctx, key: key, contentType: contentType, metadata: map[string]string{sourceETagName: sourceETag}}
}

// Write sends every full part.
func (u *upload) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), partSize-u.buffer.Len())
		u.buffer.Write(p[:n])
		written, p = written+n, p[n:]
		if u.buffer.Len() < partSize {
			break
		}
		if err := u.send(); err != nil {
			return written, err
		}
	}
	return written, nil
}

// send uploads the buffer as the next part.
func (u *upload) send() error {
	if u.id == nil {
		begun, err := u.bucket.api.CreateMultipartUpload(u.ctx, &s3.CreateMultipartUploadInput{
			Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), ContentType: aws.String(u.contentType), Metadata: u.metadata,
		})
		if err != nil {
			return u.failed("begin to write", err)
		}
		u.id = begun.UploadId
	}
	number := aws.Int32(int32(len(u.parts) + 1)) //nolint:gosec // S3 refuses the part 10,001
	sent, err := u.bucket.api.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id, PartNumber: number,
		Body: bytes.NewReader(u.buffer.Bytes()), ContentLength: aws.Int64(int64(u.buffer.Len())),
	})
	if err != nil {
		return u.failed(fmt.Sprintf("write part %d of", *number), err)
	}
	u.parts = append(u.parts, types.CompletedPart{
		PartNumber: number, ETag: sent.ETag,
		ChecksumCRC32: sent.ChecksumCRC32, ChecksumCRC32C: sent.ChecksumCRC32C,
		ChecksumCRC64NVME: sent.ChecksumCRC64NVME, ChecksumSHA1: sent.ChecksumSHA1, ChecksumSHA256: sent.ChecksumSHA256,
	})
	u.buffer.Reset()
	return nil
}

// Close makes the object visible.
func (u *upload) Close() error {
	if u.closed {
		return errors.New("the upload has been closed")
	}
	if u.id == nil {
		u.closed = true
		return u.bucket.put(u.ctx, u.key, u.contentType, u.buffer.Bytes(), u.metadata)
	}
	if u.buffer.Len() > 0 {
		if err := u.send(); err != nil {
			return err
		}
	}
	_, err := u.bucket.api.CompleteMultipartUpload(u.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	if err != nil {
		return u.failed("finish", err)
	}
	u.closed = true
	return nil
}

// Abort tells S3 to drop the parts. When that fails, the bucket's rule for
// uploads that were never finished does it later.
func (u *upload) Abort() {
	if u.closed || u.id == nil {
		return
	}
	u.closed = true
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), patience)
	defer cancel()
	_, _ = u.bucket.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id,
	})
}

func (u *upload) failed(what string, err error) error {
	return fmt.Errorf("%s s3://%s/%s: %w", what, u.bucket.name, u.key, err)
}
