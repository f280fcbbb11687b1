package tfstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type fakeBuckets struct {
	head error
	fail string
	// lost is what a call that fails says; nil is that it is denied.
	lost     error
	calls    []string
	location string
	policy   string
}

func (f *fakeBuckets) call(name string) error {
	f.calls = append(f.calls, name)
	if f.fail == name && f.lost != nil {
		return f.lost
	}
	if f.fail == name {
		return errors.New("AccessDenied")
	}
	return nil
}

func (f *fakeBuckets) HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	return &s3.HeadBucketOutput{}, f.head
}

func (f *fakeBuckets) CreateBucket(_ context.Context, in *s3.CreateBucketInput, _ ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	if in.CreateBucketConfiguration != nil {
		f.location = string(in.CreateBucketConfiguration.LocationConstraint)
	}
	return &s3.CreateBucketOutput{}, f.call("create")
}

func (f *fakeBuckets) PutBucketVersioning(context.Context, *s3.PutBucketVersioningInput, ...func(*s3.Options)) (*s3.PutBucketVersioningOutput, error) {
	return &s3.PutBucketVersioningOutput{}, f.call("version")
}

func (f *fakeBuckets) PutBucketEncryption(context.Context, *s3.PutBucketEncryptionInput, ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error) {
	return &s3.PutBucketEncryptionOutput{}, f.call("encrypt")
}

func (f *fakeBuckets) PutPublicAccessBlock(_ context.Context, in *s3.PutPublicAccessBlockInput, _ ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error) {
	c := in.PublicAccessBlockConfiguration
	if !*c.BlockPublicAcls || !*c.BlockPublicPolicy || !*c.IgnorePublicAcls || !*c.RestrictPublicBuckets {
		return nil, errors.New("public access left open")
	}
	return &s3.PutPublicAccessBlockOutput{}, f.call("private")
}

func (f *fakeBuckets) PutBucketPolicy(_ context.Context, in *s3.PutBucketPolicyInput, _ ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error) {
	f.policy = *in.Policy
	return &s3.PutBucketPolicyOutput{}, f.call("tls")
}

func (f *fakeBuckets) PutBucketLifecycleConfiguration(_ context.Context, in *s3.PutBucketLifecycleConfigurationInput, _ ...func(*s3.Options)) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	if *in.LifecycleConfiguration.Rules[0].Filter.Prefix != "plans/" {
		return nil, errors.New("something else than plans would expire")
	}
	return &s3.PutBucketLifecycleConfigurationOutput{}, f.call("expire")
}

// fakeTables answers DescribeTable with the statuses in turn, the last one for
// ever; "" stands for no such table.
type fakeTables struct {
	statuses []dynamotypes.TableStatus
	created  int
}

func (f *fakeTables) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	status := f.statuses[0]
	if len(f.statuses) > 1 {
		f.statuses = f.statuses[1:]
	}
	if status == "" {
		return nil, &dynamotypes.ResourceNotFoundException{}
	}
	return &dynamodb.DescribeTableOutput{Table: &dynamotypes.TableDescription{TableStatus: status}}, nil
}

func (f *fakeTables) CreateTable(_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	f.created++
	if *in.KeySchema[0].AttributeName != "LockID" {
		return nil, errors.New("not Terraform's key")
	}
	return &dynamodb.CreateTableOutput{}, nil
}

func TestSetupFromNothing(t *testing.T) {
	t.Parallel()
	b := &fakeBuckets{head: &s3types.NotFound{}}
	tb := &fakeTables{statuses: []dynamotypes.TableStatus{"", "", dynamotypes.TableStatusCreating, dynamotypes.TableStatusActive}}
	newBucket, newTable, err := Setup(t.Context(), b, tb, Locate("sensor", "dev", "1", "eu-central-1"), time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	if !newBucket || !newTable || tb.created != 1 {
		t.Errorf("new bucket %v, new table %v, %d creations", newBucket, newTable, tb.created)
	}
	if !slices.Equal(b.calls, []string{"create", "private", "version", "encrypt", "expire", "tls"}) || b.location != "eu-central-1" {
		t.Errorf("calls %v, location %q", b.calls, b.location)
	}
}

func TestSetupAgainRepairsAndCreatesNothing(t *testing.T) {
	t.Parallel()
	b := &fakeBuckets{}
	tb := &fakeTables{statuses: []dynamotypes.TableStatus{dynamotypes.TableStatusActive}}
	newBucket, newTable, err := Setup(t.Context(), b, tb, Locate("sensor", "dev", "1", "us-east-1"), time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	if newBucket || newTable || tb.created != 0 || !slices.Equal(b.calls, []string{"private", "version", "encrypt", "expire", "tls"}) {
		t.Errorf("new bucket %v, new table %v, calls %v", newBucket, newTable, b.calls)
	}
}

func TestSetupErrorsNameTheThing(t *testing.T) {
	t.Parallel()
	place := Locate("sensor", "dev", "1", "us-east-1")
	for _, step := range []string{"create", "private", "version", "encrypt", "expire", "tls"} {
		b := &fakeBuckets{head: &s3types.NotFound{}, fail: step}
		_, _, err := Setup(t.Context(), b, &fakeTables{}, place, time.Nanosecond)
		if err == nil || !strings.Contains(err.Error(), place.Bucket) {
			t.Errorf("%s: %v", step, err)
		}
	}
}

func TestRefusesTheBucketOfAnotherAccount(t *testing.T) {
	t.Parallel()
	forbidden := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: errors.New("Forbidden"),
	}
	place := Locate("sensor", "dev", "123456789012", "us-east-1")
	b := &fakeBuckets{head: forbidden}
	_, _, err := Setup(t.Context(), b, &fakeTables{}, place, time.Nanosecond)
	if err == nil || !strings.Contains(err.Error(), "the state bucket sensor-tfstate-123456789012-us-east-1 belongs to another account than 123456789012") {
		t.Errorf("got %v", err)
	}
	if len(b.calls) != 0 {
		t.Errorf("a foreign bucket was touched: %v", b.calls)
	}
}

func TestUnreachableIsNotForeign(t *testing.T) {
	t.Parallel()
	_, err := Exists(t.Context(), &fakeBuckets{head: errors.New("no route to host")}, Locate("sensor", "dev", "1", "us-east-1"))
	if err == nil || strings.Contains(err.Error(), "another account") || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("got %v", err)
	}
}

func TestTLSPolicyNamesThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-central-1": `"arn:aws:s3:::`, "cn-north-1": `"arn:aws-cn:s3:::`, "us-gov-west-1": `"arn:aws-us-gov:s3:::`,
	} {
		b := &fakeBuckets{}
		if err := protect(t.Context(), b, Locate("sensor", "dev", "1", region)); err != nil || !strings.Contains(b.policy, want) {
			t.Errorf("%s: %s, %v", region, b.policy, err)
		}
	}
	b := &fakeBuckets{}
	if err := protect(t.Context(), b, Place{Bucket: "b", PlainHTTP: true}); err != nil || b.policy != "" {
		t.Errorf("an emulated AWS was asked for TLS: %s, %v", b.policy, err)
	}
}

func TestSetupGivesUpWhenCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tb := &fakeTables{statuses: []dynamotypes.TableStatus{dynamotypes.TableStatusCreating}}
	if _, _, err := Setup(ctx, &fakeBuckets{}, tb, Locate("s", "dev", "1", "us-east-1"), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	got := Locate("sensor", "prod", "123456789012", "eu-west-1")
	want := Place{
		Bucket: "sensor-tfstate-123456789012-eu-west-1", Table: "sensor-tfstate-lock", Key: "prod/terraform.tfstate",
		Region: "eu-west-1", Account: "123456789012", Plans: "plans/prod/",
	}
	if got != want {
		t.Errorf("got %+v", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	place := Locate("sensor", "prod", "123456789012", "eu-west-1")
	settings := place.Settings()
	for _, want := range []string{`bucket = "sensor-tfstate-123456789012-eu-west-1"`, `key = "prod/terraform.tfstate"`, `region = "eu-west-1"`, `dynamodb_table = "sensor-tfstate-lock"`, "use_lockfile = true"} {
		if !strings.Contains(settings, want+"\n") {
			t.Errorf("no %s in\n%s", want, settings)
		}
	}
	if strings.Contains(settings, "skip_") {
		t.Error("a real account's credentials must be checked")
	}
	place.PlainHTTP = true
	if !strings.Contains(place.Settings(), "use_path_style = true\n") {
		t.Error("the emulated AWS knows buckets by path only")
	}
}

// TestBucketWhoseAnswerWasLost goes on with a bucket that an earlier try made.
func TestBucketWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	f := &fakeBuckets{head: &s3types.NotFound{}, fail: "create", lost: &s3types.BucketAlreadyOwnedByYou{}}
	if created, err := setupBucket(t.Context(), f, Locate("sensor", "dev", "111111111111", "eu-central-1")); err != nil || !created || len(f.calls) < 3 {
		t.Errorf("%t, %v, %v", created, err, f.calls)
	}
}
