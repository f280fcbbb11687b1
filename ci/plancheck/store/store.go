// Package store keeps saved Terraform plans in the bucket of the state, which
// is encrypted: a plan holds every value in plain text.
package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Objects is what a Store asks of S3.
type Objects interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Store keeps plans under a prefix of a bucket.
type Store struct {
	Objects        Objects
	Bucket, Prefix string
}

// maxPlan bounds what is read back.
const maxPlan = 64 << 20

var planID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// CheckID returns an error unless id has the form of those that Save returns.
func CheckID(id string) error {
	if !planID.MatchString(id) {
		return fmt.Errorf("plan %q: give the 16 hex digits that plan printed", id)
	}
	return nil
}

// Save stores a plan and returns its id, which is made of its content.
func (s Store) Save(ctx context.Context, content []byte) (string, error) {
	id := identify(content)
	key := s.key(id)
	_, err := s.Objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return "", fmt.Errorf("save the plan to the bucket %s: %w", s.Bucket, err)
	}
	return id, nil
}

// Fetch returns the plan that Save stored under id. A plan that is not there
// and one that is not what was saved are errors.
func (s Store) Fetch(ctx context.Context, id string) ([]byte, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	key := s.key(id)
	out, err := s.Objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return nil, fmt.Errorf("there is no saved plan %s for this environment: run plan first", id)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch the plan %s from the bucket %s: %w", id, s.Bucket, err)
	}
	defer func() { _ = out.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(out.Body, maxPlan))
	if err != nil {
		return nil, fmt.Errorf("fetch the plan %s: %w", id, err)
	}
	if identify(content) != id {
		return nil, fmt.Errorf("the saved plan %s is not the one that was reviewed: its content has changed; run plan again", id)
	}
	return content, nil
}

func (s Store) key(id string) string { return strings.TrimSuffix(s.Prefix, "/") + "/" + id + ".tfplan" }

// identify names a plan by its content, so that what is applied is what was
// reviewed.
func identify(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
