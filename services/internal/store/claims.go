package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/processor"
)

// claimPrefix tells the key of a claim from that of a row. No source object
// begins so.
const claimPrefix = "claim#"

// Take implements processor.Claims. The claim before is read first and the new
// one written on the condition that the old one does not last: whoever comes
// in between makes the condition fail, or has finished.
func (t *Table) Take(ctx context.Context, c processor.Claim, now time.Time) (processor.Claim, error) {
	before, err := t.get(ctx, claimPrefix+c.Key)
	if err != nil {
		return c, err
	}
	alerted, _ := before["alerted"].(*types.AttributeValueMemberBOOL)
	c.Alerted = alerted != nil && alerted.Value && text(before, "source_etag") == c.Content
	in := &dynamodb.PutItemInput{
		TableName: aws.String(t.name), Item: claimItem(c),
		ConditionExpression: aws.String("attribute_not_exists(object_key) OR expires_at < :now OR claimed_by = :me"),
		ExpressionAttributeValues: item{
			":now": &types.AttributeValueMemberN{Value: strconv.FormatInt(now.Unix(), 10)},
			":me":  &types.AttributeValueMemberS{Value: c.Owner},
		},
	}
	if _, err := t.api.PutItem(ctx, in); err != nil {
		var refused *types.ConditionalCheckFailedException
		if errors.As(err, &refused) {
			err = processor.ErrClaimed
		}
		return c, fmt.Errorf("claim %s in table %s: %w", c.Key, t.name, err)
	}
	return c, nil
}

// Keep implements processor.Claims.
func (t *Table) Keep(ctx context.Context, c processor.Claim) error {
	if _, err := t.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: claimItem(c)}); err != nil {
		return fmt.Errorf("keep the claim on %s in table %s: %w", c.Key, t.name, err)
	}
	return nil
}

func claimItem(c processor.Claim) item {
	expires := int64(0)
	if !c.Expires.IsZero() {
		expires = c.Expires.Unix()
	}
	row := keyItem(claimPrefix + c.Key)
	row["claimed_by"] = &types.AttributeValueMemberS{Value: c.Owner}
	row["source_etag"] = &types.AttributeValueMemberS{Value: c.Content}
	row["expires_at"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(expires, 10)}
	row["alerted"] = &types.AttributeValueMemberBOOL{Value: c.Alerted}
	return row
}
