// Package tfstate makes what an account needs once before Terraform works in it: the
// place of its state, which is a versioned, encrypted, private S3 bucket and a DynamoDB
// table for the lock, and the service-linked roles.
package tfstate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Buckets is what Setup asks of S3.
type Buckets interface {
	HeadBucket(ctx context.Context, in *s3.HeadBucketInput, opts ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	CreateBucket(ctx context.Context, in *s3.CreateBucketInput, opts ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	PutBucketVersioning(ctx context.Context, in *s3.PutBucketVersioningInput, opts ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error)
	PutBucketEncryption(ctx context.Context, in *s3.PutBucketEncryptionInput, opts ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error)
	PutPublicAccessBlock(ctx context.Context, in *s3.PutPublicAccessBlockInput, opts ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error)
	PutBucketPolicy(ctx context.Context, in *s3.PutBucketPolicyInput, opts ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error)
	PutBucketLifecycleConfiguration(ctx context.Context, in *s3.PutBucketLifecycleConfigurationInput, opts ...func(*s3.Options)) (*s3.PutBucketLifecycleConfigurationOutput, error)
}

// Tables is what Setup asks of DynamoDB.
type Tables interface {
	DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	CreateTable(ctx context.Context, in *dynamodb.CreateTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
}

// Place names where the state of one environment lies.
type Place struct {
	// Bucket and Table are shared by the environments of an account and region.
	Bucket, Table string
	// Key is the state object of this environment.
	Key string
	// Region is the bucket's and the table's region code.
	Region string
	// Account owns both: twelve digits.
	Account string
	// Plans is the prefix of this environment's saved plans in the bucket.
	Plans string
	// PlainHTTP says that this AWS is emulated and has no TLS: the bucket then
	// gets no policy that asks for it.
	PlainHTTP bool
}

// Locate returns the place for a project in an account. Bucket names are
// unique across all of AWS, hence the account and region in the name.
func Locate(project, environment, account, region string) Place {
	return Place{
		Bucket:  fmt.Sprintf("%s-tfstate-%s-%s", project, account, region),
		Table:   project + "-tfstate-lock",
		Key:     environment + "/terraform.tfstate",
		Region:  region,
		Account: account,
		Plans:   plansPrefix + environment + "/",
	}
}

// Settings are the place as Terraform's S3 backend reads it with
// -backend-config. Both ways of locking are on, the table and the object beside
// the state: a run of an older or a newer Terraform that knows only one of them
// is kept out as well. An emulated AWS knows buckets by path and has no account
// to look up.
func (p Place) Settings() string {
	text := fmt.Sprintf("bucket = %q\nkey = %q\nregion = %q\nallowed_account_ids = [%q]\ndynamodb_table = %q\nuse_lockfile = true\n",
		p.Bucket, p.Key, p.Region, p.Account, p.Table)
	if p.PlainHTTP {
		text = fmt.Sprintf("bucket = %q\nkey = %q\nregion = %q\ndynamodb_table = %q\nuse_lockfile = true\n", p.Bucket, p.Key, p.Region, p.Table) +
			"use_path_style = true\nskip_credentials_validation = true\nskip_requesting_account_id = true\n"
	}
	return text
}

// plansPrefix is where in the bucket saved plans lie, which expire by it.
const plansPrefix = "plans/"

// lockKey is the key Terraform's S3 backend requires of its lock table.
const lockKey = "LockID"

// Exists reports whether the state bucket is there. One that belongs to another
// account, or that this account may not read, is an error: its name is taken,
// and a state must never be written to somebody else's bucket.
func Exists(ctx context.Context, buckets Buckets, place Place) (bool, error) {
	err := ask(ctx, func(ctx context.Context) error {
		_, err := buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &place.Bucket, ExpectedBucketOwner: &place.Account})
		return err
	})
	var missing *s3types.NotFound
	var answer *smithyhttp.ResponseError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &missing):
		return false, nil
	case errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusForbidden:
		return false, fmt.Errorf("the state bucket %s belongs to another account than %s, or its policy keeps this one out: %w; choose another project name, or ask the bucket's owner", place.Bucket, place.Account, err)
	}
	return false, fmt.Errorf("look for the state bucket %s: %w", place.Bucket, err)
}

// Setup makes bucket and table where they are missing and sets the bucket's
// protection in any case, so running it again repairs it and changes nothing
// else. It returns when the table can be used, asking every poll, and says
// whether bucket and table were new.
func Setup(ctx context.Context, buckets Buckets, tables Tables, place Place, poll time.Duration) (newBucket, newTable bool, err error) {
	newBucket, err = setupBucket(ctx, buckets, place)
	if err != nil {
		return false, false, err
	}
	newTable, err = ensureTable(ctx, tables, place.Table, poll)
	return newBucket, newTable, err
}

func setupBucket(ctx context.Context, buckets Buckets, place Place) (created bool, err error) {
	there, err := Exists(ctx, buckets, place)
	if err != nil {
		return false, err
	}
	if !there {
		in := &s3.CreateBucketInput{Bucket: &place.Bucket}
		// us-east-1 is the one region S3 wants left out (API CreateBucket).
		if place.Region != "us-east-1" {
			in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{
				LocationConstraint: s3types.BucketLocationConstraint(place.Region),
			}
		}
		// A bucket that is ours already is the one that an earlier try made whose answer
		// was lost.
		var ours *s3types.BucketAlreadyOwnedByYou
		err := ask(ctx, func(ctx context.Context) error {
			_, err := buckets.CreateBucket(ctx, in)
			return err
		})
		if err != nil && !errors.As(err, &ours) {
			return false, fmt.Errorf("create the state bucket %s: %w", place.Bucket, err)
		}
	}
	return !there, protect(ctx, buckets, place)
}

// EnsureTable makes a lock table where it is missing, and returns when it can be
// used, asking every poll.
func EnsureTable(ctx context.Context, tables Tables, name string, poll time.Duration) error {
	_, err := ensureTable(ctx, tables, name, poll)
	return err
}

func ensureTable(ctx context.Context, tables Tables, name string, poll time.Duration) (created bool, err error) {
	for {
		var out *dynamodb.DescribeTableOutput
		err := ask(ctx, func(ctx context.Context) (err error) {
			out, err = tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
			return err
		})
		var missing *dynamotypes.ResourceNotFoundException
		switch {
		case err == nil && out.Table.TableStatus == dynamotypes.TableStatusActive:
			return created, nil
		case err != nil && !errors.As(err, &missing):
			return created, fmt.Errorf("look for the lock table %s: %w", name, err)
		case err != nil && !created:
			if err := createTable(ctx, tables, name); err != nil {
				return false, err
			}
			created = true
		}
		select {
		case <-ctx.Done():
			return created, fmt.Errorf("wait for the lock table %s: %w", name, ctx.Err())
		case <-time.After(poll):
		}
	}
}

func createTable(ctx context.Context, tables Tables, name string) error {
	err := ask(ctx, func(ctx context.Context) error {
		_, err := tables.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:   &name,
			BillingMode: dynamotypes.BillingModePayPerRequest,
			AttributeDefinitions: []dynamotypes.AttributeDefinition{
				{AttributeName: aws.String(lockKey), AttributeType: dynamotypes.ScalarAttributeTypeS},
			},
			KeySchema: []dynamotypes.KeySchemaElement{
				{AttributeName: aws.String(lockKey), KeyType: dynamotypes.KeyTypeHash},
			},
		})
		return err
	})
	var running *dynamotypes.ResourceInUseException
	if err != nil && !errors.As(err, &running) {
		return fmt.Errorf("create the lock table %s: %w", name, err)
	}
	return nil
}
