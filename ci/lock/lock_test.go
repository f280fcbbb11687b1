package lock

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// table is one item with the conditions that this package writes.
type table struct {
	mu   sync.Mutex
	item map[string]types.AttributeValue
	fail error
}

func (t *table) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fail != nil {
		return nil, t.fail
	}
	if t.item != nil && !timeOf(t.item["Until"]).Before(timeOf(in.ExpressionAttributeValues[":now"])) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	t.item = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

func (t *table) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: maps.Clone(t.item)}, nil
}

func (t *table) mine(values map[string]types.AttributeValue) bool {
	return t.item != nil && textOf(t.item["Token"]) == textOf(values[":token"])
}

func (t *table) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mine(in.ExpressionAttributeValues) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	t.item["Until"] = in.ExpressionAttributeValues[":until"]
	return &dynamodb.UpdateItemOutput{}, nil
}

func (t *table) DeleteItem(_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mine(in.ExpressionAttributeValues) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	t.item = nil
	return &dynamodb.DeleteItemOutput{}, nil
}

func request(holder string) Request {
	return Request{Table: "lock", Name: "deploy/sensor-dev", Holder: holder}
}

func TestSecondIsRefusedWithWhoHoldsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &table{}
		first, err := Acquire(t.Context(), db, request("alice at 0a1b2c3"))
		if err != nil {
			t.Fatal(err)
		}
		// Longer than a lease: it is renewed.
		time.Sleep(10 * time.Minute)
		_, err = Acquire(t.Context(), db, request("bob"))
		var held *HeldError
		if !errors.As(err, &held) || held.Holder != "alice at 0a1b2c3" || !strings.Contains(err.Error(), "held by alice at 0a1b2c3 since 2000-01-01T00:00:00Z") {
			t.Fatalf("error %v", err)
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		second, err := Acquire(t.Context(), db, request("bob"))
		if err != nil {
			t.Fatal(err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := second.Release(canceled); err != nil || db.item != nil {
			t.Errorf("a cancelled caller does not give back: %v", err)
		}
	})
}

func TestLockOfTheKilledEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &table{}
		lost := make(chan error, 1)
		req := request("killed")
		req.Lost = func(err error) { lost <- err }
		killed, err := Acquire(t.Context(), db, req)
		if err != nil {
			t.Fatal(err)
		}
		// Someone whose clock is far ahead takes it over.
		db.mu.Lock()
		db.item = map[string]types.AttributeValue{"Token": text("other"), "Holder": text("bob"), "Since": seconds(time.Now()), "Until": seconds(time.Now().Add(time.Second))}
		db.mu.Unlock()
		if err := <-lost; !strings.Contains(err.Error(), "held by bob") {
			t.Errorf("error %v", err)
		}
		if err := killed.Release(t.Context()); err != nil || db.item == nil {
			t.Errorf("the lock of another was given back: %v", err)
		}
		time.Sleep(2 * time.Second)
		third, err := Acquire(t.Context(), db, request("carol"))
		if err != nil {
			t.Fatalf("an expired lock is not taken: %v", err)
		}
		if err := third.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoTable(t *testing.T) {
	t.Parallel()
	_, err := Acquire(t.Context(), &table{fail: &types.ResourceNotFoundException{}}, request("x"))
	if err == nil || !strings.Contains(err.Error(), "run setup-backend once") {
		t.Errorf("error %v", err)
	}
}
