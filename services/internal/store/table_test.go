package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/store"
)

var errDown = errors.New("service down")

type item = map[string]types.AttributeValue

// fakeDynamoDB holds items by object_key and knows the one condition and the
// one filter that Table uses.
type fakeDynamoDB struct {
	items map[string]item
	err   error
}

func str(i item, name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func (f *fakeDynamoDB) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: f.items[str(in.Key, "object_key")]}, f.err
}

func (f *fakeDynamoDB) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	key := str(in.Item, "object_key")
	if now, ok := in.ExpressionAttributeValues[":now"]; ok {
		return f.putClaim(in, key, now)
	}
	if in.ConditionExpression != nil && strings.HasPrefix(key, "state#") {
		return f.putState(in, key)
	}
	if in.ConditionExpression != nil && str(f.items[key], "sequencer") > str(in.ExpressionAttributeValues, ":s") {
		return nil, &types.ConditionalCheckFailedException{}
	}
	f.items[key] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

// putState knows the conditions of a state.
func (f *fakeDynamoDB) putState(in *dynamodb.PutItemInput, key string) (*dynamodb.PutItemOutput, error) {
	before, there := f.items[key]
	if want, given := in.ExpressionAttributeValues[":r"]; there != given || given && !reflect.DeepEqual(before["revision"], want) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	f.items[key] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

// putClaim knows the condition of a claim.
func (f *fakeDynamoDB) putClaim(in *dynamodb.PutItemInput, key string, now types.AttributeValue) (*dynamodb.PutItemOutput, error) {
	number := func(v types.AttributeValue) int64 {
		n, _ := v.(*types.AttributeValueMemberN)
		i, _ := strconv.ParseInt(n.Value, 10, 64)
		return i
	}
	if before, there := f.items[key]; there && number(before["held_until"]) >= number(now) &&
		str(before, "claimed_by") != str(in.ExpressionAttributeValues, ":me") {
		return nil, &types.ConditionalCheckFailedException{}
	}
	f.items[key] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

// UpdateItem knows the marks of a row and their conditions.
func (f *fakeDynamoDB) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	row, there := f.items[str(in.Key, "object_key")]
	etag, of := in.ExpressionAttributeValues[":etag"]
	if !there || of != (*in.ConditionExpression == "source_etag = :etag") || of && !reflect.DeepEqual(row["source_etag"], etag) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	switch *in.UpdateExpression {
	case "SET loaded_at = :mark REMOVE load_error":
		row["loaded_at"] = in.ExpressionAttributeValues[":mark"]
		delete(row, "load_error")
	case "SET load_error = :mark":
		row["load_error"] = in.ExpressionAttributeValues[":mark"]
	default:
		return nil, errors.New("unknown update " + *in.UpdateExpression)
	}
	return &dynamodb.UpdateItemOutput{}, nil
}

func (f *fakeDynamoDB) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	out := &dynamodb.ScanOutput{}
	seen := int32(0)
	for _, key := range slices.Sorted(maps.Keys(f.items)) {
		if key <= str(in.ExclusiveStartKey, "object_key") {
			continue
		}
		if seen == *in.Limit {
			return out, nil
		}
		seen++
		_, ofSensor := in.ExpressionAttributeValues[":sensor"]
		if !strings.HasPrefix(key, str(in.ExpressionAttributeValues, ":claim")) &&
			!strings.HasPrefix(key, str(in.ExpressionAttributeValues, ":state")) &&
			(!ofSensor || str(f.items[key], "sensor_id") == str(in.ExpressionAttributeValues, ":sensor")) {
			out.Items = append(out.Items, f.items[key])
		}
		out.LastEvaluatedKey = item{"object_key": &types.AttributeValueMemberS{Value: key}}
	}
	out.LastEvaluatedKey = nil
	return out, nil
}

func object(key, sensor string) catalog.Object {
	return catalog.Object{
		Key: key, SensorID: sensor, Metrics: []string{"a", "b"}, Rows: 10, BadRows: 2, Anomalies: 1,
		FirstTime: time.Date(2026, 3, 1, 0, 0, 0, 1000, time.UTC), LastTime: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		ProcessedKey: "p", QuarantineKey: "q", ETag: "e", Status: catalog.Processed, Reason: "r",
		ProcessedAt: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), Sequencer: "01",
	}
}

func TestTableKeepsRows(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
	full, bare := object("incoming/a/1.csv", "a"), catalog.Object{Key: "incoming/b/1.csv", Metrics: []string{}, Status: catalog.Empty}
	for _, want := range []catalog.Object{full, bare} {
		if err := table.Put(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, found, err := table.Get(t.Context(), want.Key)
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %t, %v, want %+v", got, found, err, want)
		}
	}
	if _, found, err := table.Get(t.Context(), "other"); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
}

func TestTablePutRefusesAnEarlierEvent(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
	o := object("k", "a")
	for _, step := range []struct {
		sequencer  string
		superseded bool
	}{{"02", false}, {"02", false}, {"01", true}, {"03", false}, {"", false}} {
		o.Sequencer = step.sequencer
		if err := table.Put(t.Context(), o); errors.Is(err, catalog.ErrSuperseded) != step.superseded {
			t.Errorf("sequencer %q: %v", step.sequencer, err)
		}
	}
}

func TestTableListsAllPages(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
	for i := range 25 {
		if err := table.Put(t.Context(), object(fmt.Sprintf("k%02d", i), string(rune('a'+i%5)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := table.Take(t.Context(), processor.Claim{Key: "k07", Owner: "me"}); err != nil {
		t.Fatal(err)
	}
	if err := table.Save(t.Context(), processor.State{Series: processor.Series{SensorID: "a", Metric: "m"}}); err != nil {
		t.Fatal(err)
	}
	for sensor, want := range map[string]int{"": 25, "c": 5, "none": 0} {
		for _, limit := range []int{1, 4, 5, 100} {
			got := 0
			q := catalog.Query{SensorID: sensor, Limit: limit}
			for {
				page, err := table.List(t.Context(), q)
				if err != nil || len(page.Objects) > limit {
					t.Fatalf("%d rows, limit %d, %v", len(page.Objects), limit, err)
				}
				got += len(page.Objects)
				if page.Next == "" {
					break
				}
				q.After = page.Next
			}
			if got != want {
				t.Errorf("sensor %q by %d: %d rows, want %d", sensor, limit, got, want)
			}
		}
	}
}

func TestTableErrors(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{err: errDown}, "objects")
	_, _, getErr := table.Get(t.Context(), "k")
	_, listErr := table.List(t.Context(), catalog.Query{Limit: 1})
	_, heldErr := table.Held(t.Context(), "k", time.Now())
	_, loadErr := table.Load(t.Context(), processor.Series{})
	for _, err := range []error{getErr, listErr, heldErr, loadErr, table.MarkLoaded(t.Context(), "k", "e", time.Now()), table.Save(t.Context(), processor.State{}), table.Put(t.Context(), object("k", "a"))} {
		if !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
	}
}

// TestRowOfAnObjectCalledLikeAClaim wants the row of an object whatever it is
// called, and the claim as it was.
func TestRowOfAnObjectCalledLikeAClaim(t *testing.T) {
	t.Parallel()
	f := &fakeDynamoDB{items: map[string]item{}}
	table := store.NewTable(f, "t")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if _, err := table.Take(t.Context(), processor.Claim{Key: "k", Owner: "one", Written: now, Until: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"claim#k", "state#a#m", "row#x"} {
		if err := table.Put(t.Context(), catalog.Object{Key: key, Status: catalog.Failed, IgnoredColumns: []string{"a", "b"}}); err != nil {
			t.Fatal(err)
		}
		got, found, err := table.Get(t.Context(), key)
		if err != nil || !found || got.Key != key || !slices.Equal(got.IgnoredColumns, []string{"a", "b"}) {
			t.Errorf("%s: %+v, %t, %v", key, got, found, err)
		}
	}
	checkHeld(t, table, now, true)
}
