package tfstate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type fakeState struct {
	out *s3.HeadObjectOutput
	err error
}

func (f fakeState) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	if *in.Bucket != "b" || *in.Key != "dev/terraform.tfstate" || *in.ExpectedBucketOwner != "111111111111" {
		return nil, errors.New("asked for something else")
	}
	return f.out, f.err
}

func TestVersion(t *testing.T) {
	t.Parallel()
	place := Place{Bucket: "b", Key: "dev/terraform.tfstate", Account: "111111111111"}
	version := func(f fakeState) string {
		t.Helper()
		got, err := Version(t.Context(), f, place)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	one := version(fakeState{out: &s3.HeadObjectOutput{VersionId: aws.String("1"), ETag: aws.String("a")}})
	if again := version(fakeState{out: &s3.HeadObjectOutput{VersionId: aws.String("1"), ETag: aws.String("a")}}); one == "" || again != one {
		t.Errorf("the same state is %q and %q", one, again)
	}
	for _, other := range []*s3.HeadObjectOutput{
		{VersionId: aws.String("2"), ETag: aws.String("a")}, // as after a change and another back
		{VersionId: aws.String("1"), ETag: aws.String("b")},
		{ETag: aws.String("b")},
	} {
		if got := version(fakeState{out: other}); got == one || got == "" {
			t.Errorf("another state is %q too", got)
		}
	}
	if got := version(fakeState{err: &s3types.NotFound{}}); got != "" {
		t.Errorf("no state is %q", got)
	}
	if _, err := Version(t.Context(), fakeState{err: errors.New("denied")}, place); err == nil || !strings.Contains(err.Error(), "dev/terraform.tfstate in bucket b") {
		t.Errorf("got %v", err)
	}
}
