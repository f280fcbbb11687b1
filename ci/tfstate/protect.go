package tfstate

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// protect sets the bucket's protection: private, versioned, encrypted, TLS
// only. Every call names the owner, so that none reaches a foreign bucket.
func protect(ctx context.Context, buckets Buckets, place Place) error {
	steps := []struct {
		what string
		do   func(ctx context.Context) error
	}{
		{"block public access to", func(ctx context.Context) error {
			_, err := buckets.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
				Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account,
				PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
					BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
					IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
				},
			})
			return err
		}},
		{"version", func(ctx context.Context) error {
			_, err := buckets.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
				Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account,
				VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
			})
			return err
		}},
		{"encrypt", func(ctx context.Context) error {
			_, err := buckets.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
				Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account,
				ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
					Rules: []s3types.ServerSideEncryptionRule{{
						ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{
							SSEAlgorithm: s3types.ServerSideEncryptionAes256,
						},
					}},
				},
			})
			return err
		}},
		{"let saved plans expire in", func(ctx context.Context) error { return expirePlans(ctx, buckets, place) }},
		{"ask for TLS on", func(ctx context.Context) error { return askForTLS(ctx, buckets, place) }},
	}
	for _, step := range steps {
		if err := ask(ctx, step.do); err != nil {
			return fmt.Errorf("%s the state bucket %s: %w", step.what, place.Bucket, err)
		}
	}
	return nil
}

// expirePlans drops plans that nobody applied after a week: they hold every
// value in plain text.
func expirePlans(ctx context.Context, buckets Buckets, place Place) error {
	_, err := buckets.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account,
		LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: []s3types.LifecycleRule{{
			ID: aws.String("plans"), Status: s3types.ExpirationStatusEnabled,
			Filter:                      &s3types.LifecycleRuleFilter{Prefix: aws.String(plansPrefix)},
			Expiration:                  &s3types.LifecycleExpiration{Days: aws.Int32(7)},
			NoncurrentVersionExpiration: &s3types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)},
		}}},
	})
	return err
}

func askForTLS(ctx context.Context, buckets Buckets, place Place) error {
	if place.PlainHTTP {
		return nil
	}
	partition := "aws"
	switch {
	case len(place.Region) > 3 && place.Region[:3] == "cn-":
		partition = "aws-cn"
	case len(place.Region) > 7 && place.Region[:7] == "us-gov-":
		partition = "aws-us-gov"
	}
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"DenyPlainHTTP","Effect":"Deny","Principal":"*","Action":"s3:*",`+
		`"Resource":["arn:%[1]s:s3:::%[2]s","arn:%[1]s:s3:::%[2]s/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`,
		partition, place.Bucket)
	_, err := buckets.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account, Policy: &policy,
	})
	return err
}
