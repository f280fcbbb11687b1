//go:build integration

package integration

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestEncodedVersions lists the versions of keys that a URL encodes, as Terraform
// does to empty a bucket: who decodes them must get the keys that were stored.
func TestEncodedVersions(t *testing.T) {
	t.Parallel()
	buckets := s3.NewFromConfig(config(t), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String(unique("versions"))
	_, err := buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = buckets.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	stored := []string{"in/day 1+2.csv", "in/ü&=?.csv"}
	for _, key := range stored {
		_, err := buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("content")})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &stored[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []s3types.EncodingType{"", s3types.EncodingTypeUrl} {
		page, err := buckets.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: bucket, EncodingType: encoding})
		if err != nil {
			t.Fatal(err)
		}
		if page.EncodingType != encoding {
			t.Errorf("asked for the encoding %q, got %q", encoding, page.EncodingType)
		}
		var keys []string
		for _, version := range page.Versions {
			keys = append(keys, decoded(t, encoding, version.Key))
		}
		if !slices.Equal(keys, stored) {
			t.Errorf("encoding %q: the versions are of %q, want %q", encoding, keys, stored)
		}
		if len(page.DeleteMarkers) != 1 || decoded(t, encoding, page.DeleteMarkers[0].Key) != stored[0] {
			t.Errorf("encoding %q: the delete markers are %v, want one of %q", encoding, page.DeleteMarkers, stored[0])
		}
	}
}

func decoded(t *testing.T, encoding s3types.EncodingType, key *string) string {
	t.Helper()
	if encoding != s3types.EncodingTypeUrl {
		return aws.ToString(key)
	}
	plain, err := url.QueryUnescape(aws.ToString(key))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
