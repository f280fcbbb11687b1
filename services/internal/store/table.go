package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/catalog"
)

// DynamoDBAPI is what Table uses of the DynamoDB client.
type DynamoDBAPI interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// Table keeps catalog rows, the claims of those who write them and the states of
// series in one DynamoDB table with the hash key object_key. Claims and states
// carry expires_at, in seconds, for DynamoDB's time to live; rows have none and
// stay.
type Table struct {
	api  DynamoDBAPI
	name string
}

// NewTable adapts the table of that name.
func NewTable(api DynamoDBAPI, name string) *Table { return &Table{api: api, name: name} }

type item = map[string]types.AttributeValue

func integer(n int64) *types.AttributeValueMemberN {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func keyItem(key string) item {
	return item{"object_key": &types.AttributeValueMemberS{Value: key}}
}

// Get returns the row of an object key, read consistently, and whether there is one.
func (t *Table) Get(ctx context.Context, key string) (catalog.Object, bool, error) {
	row, err := t.get(ctx, rowKey(key))
	if err != nil || len(row) == 0 {
		return catalog.Object{}, false, err
	}
	return fromItem(row), true, nil
}

func (t *Table) get(ctx context.Context, key string) (item, error) {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(t.name),
		Key:            keyItem(key),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("read the row of %s in table %s: %w", key, t.name, err)
	}
	return out.Item, nil
}

// Put writes a row, unless one with a higher sequencer is there: then it
// changes nothing and the error wraps catalog.ErrSuperseded.
func (t *Table) Put(ctx context.Context, o catalog.Object) error {
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: toItem(o)}
	if o.Sequencer != "" {
		in.ConditionExpression = aws.String("attribute_not_exists(sequencer) OR sequencer <= :s")
		in.ExpressionAttributeValues = item{":s": &types.AttributeValueMemberS{Value: o.Sequencer}}
	}
	if err := t.put(ctx, in, catalog.ErrSuperseded); err != nil {
		return fmt.Errorf("write the row of %s to table %s: %w", o.Key, t.name, err)
	}
	return nil
}

// put writes an item; that its condition does not hold is the error refused.
func (t *Table) put(ctx context.Context, in *dynamodb.PutItemInput, refused error) error {
	_, err := t.api.PutItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return refused
	}
	return err
}

// List returns one page of rows in the table's own order.
func (t *Table) List(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	var page catalog.Page
	after := q.After
	for {
		in := &dynamodb.ScanInput{TableName: aws.String(t.name), Limit: aws.Int32(scanLimit(q.Limit - len(page.Objects)))}
		if after != "" {
			in.ExclusiveStartKey = keyItem(after)
		}
		filter := "NOT begins_with(object_key, :claim) AND NOT begins_with(object_key, :state)"
		in.ExpressionAttributeValues = item{
			":claim": &types.AttributeValueMemberS{Value: claimPrefix},
			":state": &types.AttributeValueMemberS{Value: statePrefix},
		}
		if q.SensorID != "" {
			filter += " AND sensor_id = :sensor"
			in.ExpressionAttributeValues[":sensor"] = &types.AttributeValueMemberS{Value: q.SensorID}
		}
		in.FilterExpression = aws.String(filter)
		out, err := t.api.Scan(ctx, in)
		if err != nil {
			return catalog.Page{}, fmt.Errorf("list table %s: %w", t.name, err)
		}
		for _, row := range out.Items {
			page.Objects = append(page.Objects, fromItem(row))
		}
		after = text(out.LastEvaluatedKey, "object_key")
		if after == "" || len(page.Objects) >= q.Limit {
			page.Next = after
			return page, nil
		}
	}
}

// scanLimit keeps a page's size in the range that DynamoDB takes.
func scanLimit(rows int) int32 { return int32(max(1, min(rows, math.MaxInt32))) }

// rowKey keeps the row of an object from those of claims and states, should it
// be called like one.
func rowKey(key string) string {
	for _, prefix := range []string{claimPrefix, statePrefix, rowPrefix} {
		if strings.HasPrefix(key, prefix) {
			return rowPrefix + key
		}
	}
	return key
}

// rowPrefix begins the key of a row whose object's own key would be mistaken.
const rowPrefix = "row#"

func toItem(o catalog.Object) item {
	row := keyItem(rowKey(o.Key))
	str := func(name, value string) {
		if value != "" {
			row[name] = &types.AttributeValueMemberS{Value: value}
		}
	}
	num := func(name string, value int) {
		row[name] = integer(int64(value))
	}
	str("sensor_id", o.SensorID)
	row["metrics"] = list(o.Metrics)
	if len(o.IgnoredColumns) > 0 {
		row["ignored_columns"] = list(o.IgnoredColumns)
	}
	num("rows", o.Rows)
	num("bad_rows", o.BadRows)
	num("anomalies", o.Anomalies)
	str("first_ts", formatTime(o.FirstTime))
	str("last_ts", formatTime(o.LastTime))
	str("processed_key", o.ProcessedKey)
	str("quarantine_key", o.QuarantineKey)
	str("source_etag", o.ETag)
	str("status", string(o.Status))
	str("reason", o.Reason)
	str("processed_at", formatTime(o.ProcessedAt))
	str("sequencer", o.Sequencer)
	str("loaded_at", formatTime(o.LoadedAt))
	str("load_error", o.LoadError)
	return row
}

func fromItem(row item) catalog.Object {
	o := catalog.Object{
		Key:           strings.TrimPrefix(text(row, "object_key"), rowPrefix),
		SensorID:      text(row, "sensor_id"),
		Metrics:       []string{},
		Rows:          number(row, "rows"),
		BadRows:       number(row, "bad_rows"),
		Anomalies:     number(row, "anomalies"),
		FirstTime:     parseTime(text(row, "first_ts")),
		LastTime:      parseTime(text(row, "last_ts")),
		ProcessedKey:  text(row, "processed_key"),
		QuarantineKey: text(row, "quarantine_key"),
		ETag:          text(row, "source_etag"),
		Status:        catalog.Status(text(row, "status")),
		Reason:        text(row, "reason"),
		ProcessedAt:   parseTime(text(row, "processed_at")),
		Sequencer:     text(row, "sequencer"),
		LoadedAt:      parseTime(text(row, "loaded_at")),
		LoadError:     text(row, "load_error"),
	}
	o.Metrics = append(o.Metrics, texts(row, "metrics")...)
	o.IgnoredColumns = texts(row, "ignored_columns")
	return o
}

func list(values []string) *types.AttributeValueMemberL {
	l := &types.AttributeValueMemberL{Value: make([]types.AttributeValue, len(values))}
	for i, v := range values {
		l.Value[i] = &types.AttributeValueMemberS{Value: v}
	}
	return l
}

func texts(row item, name string) []string {
	l, ok := row[name].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	var values []string
	for _, v := range l.Value {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			values = append(values, s.Value)
		}
	}
	return values
}

func text(row item, name string) string {
	if s, ok := row[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// number and parseTime take what is malformed as absent: only Put writes rows.
func number(row item, name string) int {
	if n, ok := row[name].(*types.AttributeValueMemberN); ok {
		i, _ := strconv.Atoi(n.Value)
		return i
	}
	return 0
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(s string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}
