package lock

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// keyAttribute is the table's key, which Terraform's S3 backend prescribes.
const keyAttribute = "LockID"

// item is the lock as the table has it. A lock that was released still has its item,
// and with it the fencing number: Token is absent then and Until 0.
type item struct {
	exists       bool
	token        string
	holder       string
	since, until time.Time
	fence        int64
}

func (i item) held() bool { return i.token != "" }

func (i item) heldError(name string) error {
	return &HeldError{Name: name, ID: i.token, Holder: cmp.Or(i.holder, "someone"), Since: i.since, Until: i.until}
}

// takenBy is the loss of a lock whose item is this one now.
func (i item) takenBy(name string) *LostError {
	if !i.held() {
		return &LostError{Name: name, Err: errors.New("it was released by hand")}
	}
	return &LostError{Name: name, Holder: cmp.Or(i.holder, "someone")}
}

// unchanged is the condition that the table still has this item.
func (i item) unchanged() (condition *string, names map[string]string, values map[string]types.AttributeValue) {
	switch {
	case !i.exists:
		return aws.String("attribute_not_exists(LockID)"), nil, nil
	case !i.held() && i.fence == 0:
		return aws.String("attribute_not_exists(#token)"), map[string]string{"#token": "Token"}, nil
	case !i.held():
		return aws.String("attribute_not_exists(#token) AND #fence = :fence"), map[string]string{"#token": "Token", "#fence": "Fence"},
			map[string]types.AttributeValue{":fence": number(i.fence)}
	}
	return aws.String("#token = :seen AND #until = :until"), map[string]string{"#token": "Token", "#until": "Until"},
		map[string]types.AttributeValue{":seen": text(i.token), ":until": number(i.until.Unix())}
}

// read reads the item with strong consistency.
func read(ctx context.Context, api Table, table, name string) (item, error) {
	var out *dynamodb.GetItemOutput
	err := poll.Env{}.Call(ctx, func(ctx context.Context) (err error) {
		out, err = api.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key(name), ConsistentRead: aws.Bool(true)})
		return err
	})
	if err != nil || len(out.Item) == 0 {
		return item{}, err
	}
	return item{
		exists: true, token: textOf(out.Item["Token"]), holder: textOf(out.Item["Holder"]),
		since: time.Unix(numberOf(out.Item["Since"]), 0), until: time.Unix(numberOf(out.Item["Until"]), 0), fence: numberOf(out.Item["Fence"]),
	}, nil
}

// release frees the lock if it has that token, in one try of at most limit.
func release(ctx context.Context, api Table, table, name, token string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(table), Key: key(name),
		UpdateExpression:          aws.String("SET #until = :zero REMOVE #token, Holder, Since"),
		ConditionExpression:       aws.String("#token = :token"),
		ExpressionAttributeNames:  map[string]string{"#until": "Until", "#token": "Token"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":zero": number(0), ":token": text(token)},
	}, once)
	return err
}

func key(name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{keyAttribute: text(name)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func numberOf(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, _ := strconv.ParseInt(n.Value, 10, 64)
	return i
}
