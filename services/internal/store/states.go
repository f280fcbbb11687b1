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

// statePrefix tells the key of a state from that of a row. No source object
// begins so, and no name of a sensor or a metric holds the sign.
const statePrefix = "state#"

// statesKept is how long a series may be silent before what is known of it
// may be dropped, by expires_at: a sensor that reports once a year is known.
const statesKept = 400 * 24 * time.Hour

// Load implements processor.States. It reads consistently.
func (t *Table) Load(ctx context.Context, s processor.Series) (processor.State, error) {
	row, err := t.get(ctx, stateKey(s))
	if err != nil {
		return processor.State{}, err
	}
	return processor.State{
		Series: s, Before: binary(row, "before"), After: binary(row, "after"),
		Object: text(row, "state_of"), Content: text(row, "source_etag"), Revision: int64(number(row, "revision")),
	}, nil
}

// Save implements processor.States.
func (t *Table) Save(ctx context.Context, s processor.State) error {
	row := keyItem(stateKey(s.Series))
	if len(s.Before) > 0 {
		row["before"] = &types.AttributeValueMemberB{Value: s.Before}
	}
	row["after"] = &types.AttributeValueMemberB{Value: s.After}
	row["state_of"] = &types.AttributeValueMemberS{Value: s.Object}
	row["source_etag"] = &types.AttributeValueMemberS{Value: s.Content}
	row["revision"] = integer(s.Revision + 1)
	row["expires_at"] = seconds(s.Written.Add(statesKept))
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	if s.Revision == 0 {
		in.ConditionExpression = aws.String("attribute_not_exists(object_key)")
	} else {
		in.ConditionExpression = aws.String("revision = :r")
		in.ExpressionAttributeValues = item{":r": integer(s.Revision)}
	}
	if err := t.put(ctx, in, processor.ErrBusy); err != nil {
		return fmt.Errorf("keep the state of %s of %s in table %s: %w", s.Metric, s.SensorID, t.name, err)
	}
	return nil
}

func stateKey(s processor.Series) string { return statePrefix + s.SensorID + "#" + s.Metric }

func binary(row item, name string) []byte {
	if b, ok := row[name].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}
