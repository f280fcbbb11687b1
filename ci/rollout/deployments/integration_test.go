//go:build integration

package deployments

import (
	"fmt"
	"strings"
	"testing"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// TestEmulatedStore keeps a history in a parameter and a bucket of the emulated AWS.
func TestEmulatedStore(t *testing.T) {
	t.Parallel()
	cfg := rollouttest.Config(t)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := rollouttest.Unique("deployments")
	_, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: rollouttest.Region},
	})
	rollouttest.Must(t, err)
	s := Store{API: ssm.NewFromConfig(cfg), Name: "/" + bucket + "/deployments", Objects: objects, Bucket: bucket, Prefix: "deployments/dev/"}
	for i := range 60 {
		rollouttest.Must(t, s.Update(t.Context(), func(h *History) {
			e := at(fmt.Sprint("api:", i+1), i+1)
			e.By = fmt.Sprint(strings.Repeat("somebody", 12), i)
			h.Migrated(e.Schema, []int{e.Schema})
			h.Add(e)
		}))
	}
	h, err := s.Load(t.Context())
	if err != nil || len(h.List) != keep || h.List[0].Service.Version != "api:60" || h.Database.Schema != 60 {
		t.Errorf("%d entries, %+v, %v", len(h.List), h.Database, err)
	}
	left, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil || len(left.Contents) != 1 {
		t.Errorf("%d objects are left, %v", len(left.Contents), err)
	}
	rollouttest.Must(t, s.Forget(t.Context()))
	if h, err := s.Load(t.Context()); err != nil || len(h.List) != 0 {
		t.Errorf("it remembers %v, %v", h, err)
	}
}
