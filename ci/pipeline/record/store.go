package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Objects is the part of Amazon S3 that is called; *s3.Client has it.
type Objects interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Store is the records in one bucket.
type Store struct {
	API    Objects
	Bucket string
}

// Put saves a record; see Record.Key for where.
func (s Store) Put(ctx context.Context, r Record) error {
	text, err := r.Encode()
	if err != nil {
		return err
	}
	return s.put(ctx, r.Key(), "application/json", text)
}

// Attach saves a file beside the record, under its name and a suffix, such as
// .html.
func (s Store) Attach(ctx context.Context, r Record, suffix, mediaType string, content []byte) error {
	return s.put(ctx, strings.TrimSuffix(r.Key(), ".json")+suffix, mediaType, content)
}

func (s Store) put(ctx context.Context, key, mediaType string, content []byte) error {
	// Writing the same object again is the same, so that a lost answer does no harm.
	err := poll.Env{}.Ask(ctx, func(ctx context.Context) error {
		_, err := s.API.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(s.Bucket), Key: aws.String(key), Body: bytes.NewReader(content), ContentType: aws.String(mediaType),
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s in bucket %s: %w", key, s.Bucket, err)
	}
	return nil
}

// Last reads the last n records of an environment, the newest first. A record
// that cannot be read is left out; the second result says which and why.
func (s Store) Last(ctx context.Context, environment string, n int) ([]Record, []error, error) {
	keys, err := s.keys(ctx, environment, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	return s.read(ctx, keys[max(0, len(keys)-n):])
}

// Since is Last for the records of runs that started at a time or later.
func (s Store) Since(ctx context.Context, environment string, start time.Time) ([]Record, []error, error) {
	keys, err := s.keys(ctx, environment, start)
	if err != nil {
		return nil, nil, err
	}
	return s.read(ctx, keys)
}

// recordKey is the key of a record, not of a file beside it.
var recordKey = regexp.MustCompile(`^runs/[a-z]+/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[0-9a-f]{8}\.json$`)

// keys lists the keys of records in the order of time, which is theirs.
func (s Store) keys(ctx context.Context, environment string, start time.Time) ([]string, error) {
	prefix := "runs/" + environment + "/"
	in := &s3.ListObjectsV2Input{Bucket: aws.String(s.Bucket), Prefix: aws.String(prefix)}
	if !start.IsZero() {
		// A whole second's keys are longer than it, and so come after it.
		in.StartAfter = aws.String(prefix + start.UTC().Format("20060102T150405Z"))
	}
	var keys []string
	for {
		var out *s3.ListObjectsV2Output
		err := poll.Env{}.Ask(ctx, func(ctx context.Context) (err error) {
			out, err = s.API.ListObjectsV2(ctx, in)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the runs in bucket %s: %w", s.Bucket, err)
		}
		for _, object := range out.Contents {
			if key := aws.ToString(object.Key); recordKey.MatchString(key) {
				keys = append(keys, key)
			}
		}
		if !aws.ToBool(out.IsTruncated) || out.NextContinuationToken == nil {
			return keys, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// atOnce is how many records are fetched side by side.
const atOnce = 8

// read fetches records, given in the order of time, and returns them newest
// first.
func (s Store) read(ctx context.Context, keys []string) ([]Record, []error, error) {
	records, failed := make([]Record, len(keys)), make([]error, len(keys))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			records[i], failed[i] = s.get(ctx, key)
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	var unreadable []error
	for i := len(keys) - 1; i >= 0; i-- {
		if failed[i] != nil {
			unreadable = append(unreadable, failed[i])
			records = slices.Delete(records, i, i+1)
		}
	}
	slices.Reverse(records)
	return records, unreadable, nil
}

// mostRecord bounds what is read as a record; the longest stay far below.
const mostRecord = 4 << 20

func (s Store) get(ctx context.Context, key string) (Record, error) {
	var raw []byte
	err := poll.Env{}.Ask(ctx, func(ctx context.Context) error {
		out, err := s.API.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(s.Bucket), Key: aws.String(key)})
		if err != nil {
			return err
		}
		raw, err = io.ReadAll(io.LimitReader(out.Body, mostRecord))
		return errors.Join(err, out.Body.Close())
	})
	if err != nil {
		return Record{}, fmt.Errorf("read %s: %w", key, err)
	}
	r, err := Decode(raw)
	if err != nil {
		return Record{}, fmt.Errorf("read %s: %w", key, err)
	}
	return r, nil
}
