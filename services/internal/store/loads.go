package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/catalog"
)

// MarkLoaded notes in the row of a source object when its readings were all in the
// warehouse. The mark is for one content, by its ETag; without one, for any. The
// error wraps catalog.ErrNotCurrent when the row is not that content's.
func (t *Table) MarkLoaded(ctx context.Context, key, sourceETag string, at time.Time) error {
	return t.mark(ctx, key, sourceETag, "SET loaded_at = :mark REMOVE load_error", formatTime(at))
}

// MarkUnloadable notes why the readings could not be taken in, in the same way.
func (t *Table) MarkUnloadable(ctx context.Context, key, sourceETag, why string) error {
	return t.mark(ctx, key, sourceETag, "SET load_error = :mark", why)
}

func (t *Table) mark(ctx context.Context, key, sourceETag, update, mark string) error {
	in := &dynamodb.UpdateItemInput{
		TableName:                 aws.String(t.name),
		Key:                       keyItem(rowKey(key)),
		UpdateExpression:          aws.String(update),
		ConditionExpression:       aws.String("attribute_exists(object_key)"),
		ExpressionAttributeValues: item{":mark": &types.AttributeValueMemberS{Value: mark}},
	}
	if sourceETag != "" {
		in.ConditionExpression = aws.String("source_etag = :etag")
		in.ExpressionAttributeValues[":etag"] = &types.AttributeValueMemberS{Value: sourceETag}
	}
	_, err := t.api.UpdateItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		err = catalog.ErrNotCurrent
	}
	if err != nil {
		return fmt.Errorf("mark the row of %s in table %s: %w", key, t.name, err)
	}
	return nil
}
