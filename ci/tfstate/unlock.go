package tfstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// LockObjects is what Unlock asks of S3.
type LockObjects interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, opts ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// LockItems is what Unlock asks of DynamoDB.
type LockItems interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// StateLock is what Terraform notes of who holds the state (LockInfo of its
// package statemgr), as JSON in the lock table and in the lock file.
type StateLock struct {
	ID        string
	Operation string
	Who       string
	Created   string
}

// String says who holds the lock, since when and for what.
func (l StateLock) String() string {
	return fmt.Sprintf("%s, held by %s since %s for %s", l.ID, l.Who, l.Created, strings.TrimPrefix(l.Operation, "OperationType"))
}

// maxLock bounds a lock file; the longest that Terraform writes is far below.
const maxLock = 64 << 10

// Unlock releases Terraform's lock on the state by its id, in the table and in
// the bucket, and says where it was held. Terraform's own force-unlock fails if
// one of the two is missing, which is what a run leaves that was killed between
// them. A lock that is not there, or has another id, is an error that names the
// one that is.
func Unlock(ctx context.Context, objects LockObjects, items LockItems, place Place, id string) (string, error) {
	inTable, err := tableLock(ctx, items, place)
	if err != nil {
		return "", err
	}
	inBucket, etag, err := bucketLock(ctx, objects, place)
	if err != nil {
		return "", err
	}
	var held []string
	for _, lock := range []*StateLock{inTable, inBucket} {
		if lock != nil && lock.ID != id {
			return "", fmt.Errorf("nothing released: the lock on %s is %s, not %s", place.Key, lock, id)
		}
	}
	if inTable != nil {
		err := ask(ctx, func(ctx context.Context) error {
			_, err := items.DeleteItem(ctx, &dynamodb.DeleteItemInput{
				TableName: &place.Table, Key: place.lockItem(),
				ConditionExpression:       aws.String("contains(Info, :id)"),
				ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{":id": &dynamotypes.AttributeValueMemberS{Value: id}},
			})
			return err
		})
		if err != nil {
			now, readErr := tableLock(ctx, items, place)
			if !released(now, readErr, id) {
				return "", fmt.Errorf("release the lock in table %s: %w", place.Table, err)
			}
		}
		held = append(held, "table "+place.Table)
	}
	if inBucket != nil {
		err := ask(ctx, func(ctx context.Context) error {
			_, err := objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &place.Bucket, Key: place.lockFile(), IfMatch: etag})
			return err
		})
		if err != nil {
			now, _, readErr := bucketLock(ctx, objects, place)
			if !released(now, readErr, id) {
				return "", fmt.Errorf("release the lock in bucket %s: %w", place.Bucket, err)
			}
		}
		held = append(held, "bucket "+place.Bucket)
	}
	if len(held) == 0 {
		return "", fmt.Errorf("nothing released: nobody holds a lock on %s", place.Key)
	}
	return "released in " + strings.Join(held, " and "), nil
}

// released reports, after a release that failed, whether an earlier try of it whose
// answer was lost did release the lock: the lock that is read now is not that one.
func released(now *StateLock, readErr error, id string) bool {
	return readErr == nil && (now == nil || now.ID != id)
}

// lockItem is the key of Terraform's item in the lock table.
func (p Place) lockItem() map[string]dynamotypes.AttributeValue {
	return map[string]dynamotypes.AttributeValue{lockKey: &dynamotypes.AttributeValueMemberS{Value: p.Bucket + "/" + p.Key}}
}

// lockFile is the key of Terraform's lock in the bucket.
func (p Place) lockFile() *string { return aws.String(p.Key + ".tflock") }

func tableLock(ctx context.Context, items LockItems, place Place) (*StateLock, error) {
	var out *dynamodb.GetItemOutput
	err := ask(ctx, func(ctx context.Context) (err error) {
		out, err = items.GetItem(ctx, &dynamodb.GetItemInput{TableName: &place.Table, Key: place.lockItem(), ConsistentRead: aws.Bool(true)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the lock in table %s: %w", place.Table, err)
	}
	info, ok := out.Item["Info"].(*dynamotypes.AttributeValueMemberS)
	if !ok {
		return nil, nil
	}
	return parseLock([]byte(info.Value), "table "+place.Table)
}

func bucketLock(ctx context.Context, objects LockObjects, place Place) (*StateLock, *string, error) {
	var raw []byte
	var etag *string
	err := ask(ctx, func(ctx context.Context) error {
		out, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &place.Bucket, Key: place.lockFile()})
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		etag = out.ETag
		raw, err = io.ReadAll(io.LimitReader(out.Body, maxLock))
		return err
	})
	var missing *s3types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the lock in bucket %s: %w", place.Bucket, err)
	}
	lock, err := parseLock(raw, "bucket "+place.Bucket)
	return lock, etag, err
}

func parseLock(raw []byte, where string) (*StateLock, error) {
	var lock StateLock
	if err := json.Unmarshal(raw, &lock); err != nil {
		return nil, fmt.Errorf("read the lock in %s: it is not Terraform's: %w", where, err)
	}
	return &lock, nil
}
