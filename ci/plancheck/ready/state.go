package ready

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// BucketAPI looks at buckets.
type BucketAPI interface {
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
}

// TableAPI looks at a table.
type TableAPI interface {
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
}

// Place is where Terraform's state and the locks lie.
type Place struct {
	// Bucket and Key are the state object's, Table the lock table's name.
	Bucket, Key, Table string
}

const setUp = "dagger call setup-backend"

// Backend checks the state's bucket and the lock table.
func Backend(buckets BucketAPI, tables TableAPI, p Place) []Check {
	const bucket, table = "state bucket", "lock table"
	return []Check{
		{Name: bucket, Look: func(ctx context.Context) ([]Line, error) {
			_, err := buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.Bucket})
			switch {
			case missing(err):
				return []Line{{Check: bucket, State: Failed, Detail: p.Bucket + " does not exist", Remedy: setUp}}, nil
			case err != nil:
				return nil, err
			}
			versioning, err := buckets.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &p.Bucket})
			if err != nil {
				line := problem(bucket, err)
				line.Detail = p.Bucket + " is there; its versioning " + line.Detail
				return []Line{line}, nil
			}
			if versioning.Status != types.BucketVersioningStatusEnabled {
				return []Line{{Check: bucket, State: Failed, Detail: p.Bucket + " keeps no versions: a state that is overwritten is gone", Remedy: setUp}}, nil
			}
			return []Line{{Check: bucket, State: OK, Detail: p.Bucket + ", versioned"}}, nil
		}},
		{Name: table, Look: func(ctx context.Context) ([]Line, error) {
			out, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &p.Table})
			switch {
			case missing(err):
				return []Line{{Check: table, State: Failed, Detail: p.Table + " does not exist", Remedy: setUp}}, nil
			case err != nil:
				return nil, err
			}
			if keys := out.Table.KeySchema; len(keys) != 1 || *keys[0].AttributeName != "LockID" {
				return []Line{{
					Check: table, State: Failed, Detail: p.Table + " is not a lock table: its key is not LockID",
					Remedy: fmt.Sprintf("delete it if nothing needs it (aws dynamodb delete-table --table-name %s), then: %s", p.Table, setUp),
				}}, nil
			}
			return []Line{{Check: table, State: OK, Detail: p.Table}}, nil
		}},
	}
}

// Fresh reports whether the environment has no state yet, so that all of it is made.
// What cannot be read counts as there.
func Fresh(ctx context.Context, buckets BucketAPI, p Place) bool {
	_, err := buckets.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.Bucket, Key: &p.Key})
	return missing(err)
}
