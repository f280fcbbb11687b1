// Package lock lets one deploy at a time work on an environment. The lock is an
// item in the DynamoDB table that also holds Terraform's: taken by a
// conditional write, held as a lease that is renewed, so that a deploy that was
// killed bars the next one only for minutes. Start at Acquire.
package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is the part of DynamoDB that this package calls; *dynamodb.Client has
// it.
type Table interface {
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// The lease is much longer than the pause between renewals, so that neither a
// missed renewal nor clocks that are a minute apart lose it.
const (
	// Lease is how long a lock lasts without renewal.
	Lease = 3 * time.Minute
	renew = 30 * time.Second
	// releaseTimeout bounds the giving back, which happens also for a caller
	// who was cancelled.
	releaseTimeout = 2 * time.Second
)

// keyAttribute is the table's key, which Terraform's S3 backend prescribes.
const keyAttribute = "LockID"

// Request says what to lock.
type Request struct {
	// Table names the DynamoDB table.
	Table string
	// Name is the lock's, such as deploy/sensor-dev.
	Name string
	// Holder says who asks, for the one who is refused.
	Holder string
	// Lost is called once if the lock was lost while it was held; nil means that
	// nobody wants to know.
	Lost func(err error)
}

// HeldError is the refusal: someone else has the lock.
type HeldError struct {
	// Name is the lock's.
	Name string
	// Holder is who has it, Since when, and Until when at the latest if that
	// one does not go on.
	Holder       string
	Since, Until time.Time
}

// Error says who holds the lock and what to do.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s since %s: wait for it to end; if it was killed, its hold ends at %s",
		e.Name, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339))
}

// Lock is a lock that is held. Release it.
type Lock struct {
	api    Table
	req    Request
	token  string
	cancel context.CancelFunc
	done   chan struct{}
}

// Acquire takes the lock, or returns a *HeldError when another holder has it.
// Until Release it is renewed in the background.
func Acquire(ctx context.Context, api Table, req Request) (*Lock, error) {
	l := &Lock{api: api, req: req, token: rand.Text(), done: make(chan struct{})}
	now := time.Now()
	_, err := api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(req.Table),
		Item: map[string]types.AttributeValue{
			keyAttribute: text(req.Name), "Token": text(l.token), "Holder": text(req.Holder),
			"Since": seconds(now), "Until": seconds(now.Add(Lease)),
		},
		ConditionExpression:       aws.String("attribute_not_exists(LockID) OR #until < :now"),
		ExpressionAttributeNames:  map[string]string{"#until": "Until"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": seconds(now)},
	})
	var refused *types.ConditionalCheckFailedException
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &refused):
		return nil, l.holder(ctx)
	case errors.As(err, &missing):
		return nil, fmt.Errorf("take the lock %s: there is no table %s; run setup-backend once: %w", req.Name, req.Table, err)
	case err != nil:
		return nil, fmt.Errorf("take the lock %s in table %s: %w", req.Name, req.Table, err)
	}
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go l.keep(keeping)
	return l, nil
}

// holder reads who has the lock.
func (l *Lock) holder(ctx context.Context) error {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(l.req.Table), Key: l.key(), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("%s is held by someone, who cannot be read: %w", l.req.Name, err)
	}
	return &HeldError{
		Name: l.req.Name, Holder: textOf(out.Item["Holder"]),
		Since: timeOf(out.Item["Since"]), Until: timeOf(out.Item["Until"]),
	}
}

func (l *Lock) key() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{keyAttribute: text(l.req.Name)}
}

// keep renews the lease until it is told to stop. A renewal that fails in
// passing is made up for by the next; a lock that someone else has is lost.
func (l *Lock) keep(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(renew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(l.req.Table), Key: l.key(),
			UpdateExpression:          aws.String("SET #until = :until"),
			ConditionExpression:       aws.String("#token = :token"),
			ExpressionAttributeNames:  map[string]string{"#until": "Until", "#token": "Token"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":until": seconds(time.Now().Add(Lease)), ":token": text(l.token)},
		})
		var refused *types.ConditionalCheckFailedException
		if errors.As(err, &refused) {
			if l.req.Lost != nil {
				l.req.Lost(fmt.Errorf("the lock %s was taken over by someone else: %w", l.req.Name, l.holder(ctx)))
			}
			return
		}
	}
}

// Release gives the lock back, also when ctx has ended. A lock that was lost
// meanwhile is left to who has it now.
func (l *Lock) Release(ctx context.Context) error {
	l.cancel()
	<-l.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_, err := l.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: aws.String(l.req.Table), Key: l.key(),
		ConditionExpression:       aws.String("#token = :token"),
		ExpressionAttributeNames:  map[string]string{"#token": "Token"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":token": text(l.token)},
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		err = nil
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("give the lock %s back: %w; it ends by itself within %s", l.req.Name, err, Lease)
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func seconds(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}

func textOf(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return "someone"
	}
	return s.Value
}

func timeOf(v types.AttributeValue) time.Time {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return time.Time{}
	}
	at, _ := strconv.ParseInt(n.Value, 10, 64)
	return time.Unix(at, 0)
}
