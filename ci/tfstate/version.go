package tfstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// States is what Version asks of S3.
type States interface {
	HeadObject(ctx context.Context, in *s3.HeadObjectInput, opts ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
}

// Version names the present content of the state: another name is another content.
// It is empty if there is no state yet.
func Version(ctx context.Context, states States, place Place) (string, error) {
	var version string
	err := ask(ctx, func(ctx context.Context) error {
		out, err := states.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &place.Bucket, Key: &place.Key, ExpectedBucketOwner: &place.Account})
		if err == nil {
			version = aws.ToString(out.VersionId) + " " + aws.ToString(out.ETag)
		}
		return err
	})
	var missing *s3types.NotFound
	switch {
	case errors.As(err, &missing):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look at the state %s in bucket %s: %w", place.Key, place.Bucket, err)
	}
	return version, nil
}
