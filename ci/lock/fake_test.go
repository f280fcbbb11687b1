package lock

import (
	"context"
	"maps"
	"reflect"
	"strings"
	"sync"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// table is a table with one item, which evaluates the conditions and updates that
// this package writes. A script can change what a call answers.
type table struct {
	mu    sync.Mutex
	item  map[string]types.AttributeValue
	calls map[string]int
	// refuse is what the nth call of an operation fails with, before it has any
	// effect; lose is the same after it had its effect.
	refuse, lose map[string]func(n int) error
	// hang makes an operation's nth call wait for its context to end.
	hang map[string]func(n int) bool
	// before runs ahead of the nth call of an operation.
	before map[string]func(t *table, n int)
}

func newTable() *table {
	return &table{
		calls: map[string]int{}, refuse: map[string]func(int) error{}, lose: map[string]func(int) error{},
		hang: map[string]func(int) bool{}, before: map[string]func(*table, int){},
	}
}

// always fails each call with a code.
func always(code string) func(int) error {
	return func(int) error { return rollouttest.APIError(code) }
}

func (t *table) do(ctx context.Context, op string, effect func() error) error {
	t.mu.Lock()
	t.calls[op]++
	n := t.calls[op]
	if do := t.before[op]; do != nil {
		do(t, n)
	}
	hangs := t.hang[op] != nil && t.hang[op](n)
	t.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if refuse := t.refuse[op]; refuse != nil {
		if err := refuse(n); err != nil {
			return err
		}
	}
	if err := effect(); err != nil {
		return err
	}
	if lose := t.lose[op]; lose != nil {
		return lose(n)
	}
	return nil
}

// holds evaluates a condition of terms that are joined by AND.
func (t *table) holds(condition *string, names map[string]string, values map[string]types.AttributeValue) error {
	if condition == nil {
		return nil
	}
	for _, term := range strings.Split(*condition, " AND ") {
		attribute, value, equal := strings.Cut(term, " = ")
		if !equal {
			attribute = strings.TrimSuffix(strings.TrimPrefix(term, "attribute_not_exists("), ")")
		}
		if name := names[attribute]; name != "" {
			attribute = name
		}
		has, there := t.item[attribute]
		if equal && !reflect.DeepEqual(has, values[value]) || !equal && there {
			return &types.ConditionalCheckFailedException{}
		}
	}
	return nil
}

func (t *table) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, t.do(ctx, "PutItem", func() error {
		if err := t.holds(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return err
		}
		t.item = maps.Clone(in.Item)
		return nil
	})
}

func (t *table) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (out *dynamodb.GetItemOutput, err error) {
	out = &dynamodb.GetItemOutput{}
	return out, t.do(ctx, "GetItem", func() error {
		if in.ConsistentRead != nil && *in.ConsistentRead {
			out.Item = maps.Clone(t.item)
		}
		return nil
	})
}

func (t *table) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return &dynamodb.UpdateItemOutput{}, t.do(ctx, "UpdateItem", func() error {
		if err := t.holds(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return err
		}
		set, remove, _ := strings.Cut(strings.TrimPrefix(*in.UpdateExpression, "SET "), " REMOVE ")
		name, value, _ := strings.Cut(set, " = ")
		t.item[in.ExpressionAttributeNames[name]] = in.ExpressionAttributeValues[value]
		for _, name := range strings.Split(remove, ", ") {
			if full := in.ExpressionAttributeNames[name]; full != "" {
				name = full
			}
			delete(t.item, name)
		}
		return nil
	})
}

// give makes another holder have the lock.
func (t *table) give(holder string, item map[string]types.AttributeValue) {
	t.item = map[string]types.AttributeValue{keyAttribute: text("deploy/sensor-dev"), "Token": text("token of " + holder), "Holder": text(holder)}
	maps.Copy(t.item, item)
}
