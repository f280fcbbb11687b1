package tfstate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// setupPrefix is where in the bucket the state of what an administrator makes lies. No
// role of CI reads or writes there.
const setupPrefix = "setup/"

// Setup is the place of the state of what an administrator makes for an environment.
func (p Place) Setup() Place {
	p.Key = setupPrefix + p.Key
	return p
}

// Objects reads and writes single objects.
type Objects interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// appliedKey is the object beside a state that says what was applied.
func (p Place) appliedKey() string { return strings.TrimSuffix(p.Key, "terraform.tfstate") + "applied" }

// maxApplied bounds what is read of it.
const maxApplied = 4 << 10

// Applied is what NoteApplied noted at a place; nil if nothing was.
func Applied(ctx context.Context, api Objects, place Place) ([]byte, error) {
	key := place.appliedKey()
	out, err := api.GetObject(ctx, &s3.GetObjectInput{Bucket: &place.Bucket, Key: &key})
	var missing *s3types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was applied at %s/%s: %w", place.Bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }()
	return io.ReadAll(io.LimitReader(out.Body, maxApplied))
}

// NoteApplied notes what was applied at a place, so that it need not be again.
func NoteApplied(ctx context.Context, api Objects, place Place, what []byte) error {
	key := place.appliedKey()
	if _, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &place.Bucket, Key: &key, Body: bytes.NewReader(what)}); err != nil {
		return fmt.Errorf("note what was applied at %s/%s: %w", place.Bucket, key, err)
	}
	return nil
}
