package tfstate

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// locks is a table and a bucket with at most one lock each.
type locks struct {
	item, object string
	err          error
	gone         []string
	// refused is what deletions fail with; effect is true if they had their effect.
	refused error
	effect  bool
}

func (l *locks) remove(what *string, name string) error {
	l.gone = append(l.gone, name)
	if l.refused == nil || l.effect {
		*what = ""
	}
	return l.refused
}

func (l *locks) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	key, _ := in.Key["LockID"].(*dynamotypes.AttributeValueMemberS)
	if l.item == "" || key.Value != "b/dev/terraform.tfstate" {
		return &dynamodb.GetItemOutput{}, l.err
	}
	return &dynamodb.GetItemOutput{Item: map[string]dynamotypes.AttributeValue{"Info": &dynamotypes.AttributeValueMemberS{Value: l.item}}}, l.err
}

func (l *locks) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, l.remove(&l.item, "item")
}

func (l *locks) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if l.object == "" || *in.Key != "dev/terraform.tfstate.tflock" {
		return nil, &s3types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(l.object)), ETag: aws.String("e")}, nil
}

func (l *locks) DeleteObject(_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, l.remove(&l.object, "object if "+*in.IfMatch)
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	const lock = `{"ID":"1-2","Operation":"OperationTypeApply","Who":"ada@laptop","Created":"2026-02-03T04:05:06Z"}`
	tests := []struct {
		name, item, object, id string
		err                    error
		gone, want             string
	}{
		{"both", lock, lock, "1-2", nil, "item object if e", "released in table t and bucket b"},
		{"the table alone", lock, "", "1-2", nil, "item", "released in table t"},
		{"the bucket alone", "", lock, "1-2", nil, "object if e", "released in bucket b"},
		{"none", "", "", "1-2", nil, "", "nobody holds a lock on dev/terraform.tfstate"},
		{"another id", lock, lock, "9-9", nil, "", "is 1-2, held by ada@laptop since 2026-02-03T04:05:06Z for Apply, not 9-9"},
		{"another in the bucket", lock, strings.Replace(lock, "1-2", "3-4", 1), "1-2", nil, "", "is 3-4"},
		{"no lock of Terraform", "x", "", "1-2", nil, "", "in table t: it is not Terraform's"},
		{"no permission", "", "", "1-2", errors.New("denied"), "", "read the lock in table t: denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &locks{item: tt.item, object: tt.object, err: tt.err}
			got, err := Unlock(t.Context(), l, l, Place{Bucket: "b", Table: "t", Key: "dev/terraform.tfstate"}, tt.id)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) || strings.Join(l.gone, " ") != tt.gone || (err == nil) != (tt.gone != "") {
				t.Errorf("%q, deleted %v; want %q, %q", got, l.gone, tt.want, tt.gone)
			}
		})
	}
}

// TestUnlockAnswerLost has releases that fail, with and without their effect.
func TestUnlockAnswerLost(t *testing.T) {
	t.Parallel()
	const lock = `{"ID":"1-2","Operation":"OperationTypeApply","Who":"ada@laptop","Created":"2026-02-03T04:05:06Z"}`
	for _, held := range []locks{{item: lock}, {object: lock}, {item: lock, object: lock}} {
		for _, effect := range []bool{true, false} {
			l := held
			l.refused, l.effect = &dynamotypes.ConditionalCheckFailedException{}, effect
			if _, err := Unlock(t.Context(), &l, &l, Place{Bucket: "b", Table: "t", Key: "dev/terraform.tfstate"}, "1-2"); (err == nil) != effect {
				t.Errorf("%+v: %v", held, err)
			}
		}
	}
}
