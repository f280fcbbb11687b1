package store

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/processor"
)

// claimPrefix tells the key of a claim from that of a row. No source object
// begins so.
const claimPrefix = "claim#"

// claimsKept is how long a claim is of use behind its last write: longer than
// any event is tried again or redriven. Then DynamoDB may drop it, by
// expires_at.
const claimsKept = 30 * 24 * time.Hour

// Take implements processor.Claims. The claim before is read first and the new
// one written on the condition that the old one does not last: whoever comes
// in between makes the condition fail, or has finished.
func (t *Table) Take(ctx context.Context, c processor.Claim) (processor.Claim, error) {
	before, err := t.get(ctx, claimPrefix+c.Key)
	if err != nil {
		return c, err
	}
	alerted, _ := before["alerted"].(*types.AttributeValueMemberBOOL)
	c.Alerted = alerted != nil && alerted.Value && text(before, "source_etag") == c.Content
	in := &dynamodb.PutItemInput{
		TableName: aws.String(t.name), Item: claimItem(c),
		ConditionExpression: aws.String("attribute_not_exists(held_until) OR held_until < :now OR claimed_by = :me"),
		ExpressionAttributeValues: item{
			":now": seconds(c.Written),
			":me":  &types.AttributeValueMemberS{Value: c.Owner},
		},
	}
	if err := t.put(ctx, in, processor.ErrClaimed); err != nil {
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

// Held implements processor.Claims.
func (t *Table) Held(ctx context.Context, key string, now time.Time) (bool, error) {
	claim, err := t.get(ctx, claimPrefix+key)
	return int64(number(claim, "held_until")) >= now.Unix(), err
}

func claimItem(c processor.Claim) item {
	row := keyItem(claimPrefix + c.Key)
	row["claimed_by"] = &types.AttributeValueMemberS{Value: c.Owner}
	row["source_etag"] = &types.AttributeValueMemberS{Value: c.Content}
	row["held_until"] = seconds(c.Until)
	row["expires_at"] = seconds(c.Written.Add(claimsKept))
	row["alerted"] = &types.AttributeValueMemberBOOL{Value: c.Alerted}
	return row
}

// seconds writes a time as DynamoDB's time to live has it, 0 for none.
func seconds(t time.Time) *types.AttributeValueMemberN {
	if t.IsZero() {
		return integer(0)
	}
	return integer(t.Unix())
}
