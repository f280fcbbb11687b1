package ready

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// store is S3 and DynamoDB of made-up answers, by bucket and table.
type store struct {
	buckets    map[string]error
	versioning s3types.BucketVersioningStatus
	object     error
	key        string
	table      error
}

func (s store) HeadBucket(_ context.Context, in *s3.HeadBucketInput, _ ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	err, known := s.buckets[*in.Bucket]
	if !known {
		err = refusal("NotFound", "Not Found")
	}
	return &s3.HeadBucketOutput{}, err
}

func (s store) GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error) {
	return &s3.GetBucketVersioningOutput{Status: s.versioning}, nil
}

func (s store) HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	return &s3.HeadObjectOutput{}, s.object
}

func (s store) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return &dynamodb.DescribeTableOutput{Table: &dynamotypes.TableDescription{KeySchema: []dynamotypes.KeySchemaElement{{AttributeName: &s.key}}}}, s.table
}

func TestBackend(t *testing.T) {
	t.Parallel()
	place := Place{Bucket: "state", Key: "dev/terraform.tfstate", Table: "lock"}
	there := map[string]error{"state": nil}
	for name, c := range map[string]struct {
		s             store
		bucket, table State
	}{
		"set up":       {store{buckets: there, versioning: s3types.BucketVersioningStatusEnabled, key: "LockID"}, OK, OK},
		"nothing":      {store{table: refusal("ResourceNotFoundException", "none")}, Failed, Failed},
		"no versions":  {store{buckets: there, key: "LockID"}, Failed, OK},
		"another's":    {store{buckets: map[string]error{"state": forbidden()}, key: "id"}, Skipped, Failed},
		"may not look": {store{buckets: there, versioning: s3types.BucketVersioningStatusEnabled, table: refusal("AccessDeniedException", "no")}, OK, Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks := Backend(c.s, c.s, place)
			expect(t, one(t, checks[0]), c.bucket, "")
			expect(t, one(t, checks[1]), c.table, "")
		})
	}
}

func TestFresh(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{nil: false, refusal("NotFound", ""): true, refusal("NoSuchKey", ""): false, forbidden(): false} {
		if got := Fresh(t.Context(), store{object: err}, Place{}); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}

// inventory is an account in which some names are there.
type inventory map[string]bool

func (i inventory) DescribeClusters(_ context.Context, in *ecs.DescribeClustersInput, _ ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error) {
	out := &ecs.DescribeClustersOutput{}
	if active, known := i["cluster "+in.Clusters[0]]; known {
		out.Clusters = []ecstypes.Cluster{{Status: aws.String(map[bool]string{true: "ACTIVE", false: "INACTIVE"}[active])}}
	}
	return out, nil
}

func (i inventory) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	return nil, i.unless("function "+*in.FunctionName, "ResourceNotFoundException")
}

// DescribeLogGroups finds by prefix.
func (i inventory) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []logtypes.LogGroup{{LogGroupName: aws.String(*in.LogGroupNamePrefix + "-old")}}}
	if i["group "+*in.LogGroupNamePrefix] {
		out.LogGroups = append(out.LogGroups, logtypes.LogGroup{LogGroupName: in.LogGroupNamePrefix})
	}
	return out, nil
}

func (i inventory) DescribeRepositories(_ context.Context, in *ecr.DescribeRepositoriesInput, _ ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error) {
	return nil, i.unless("repository "+in.RepositoryNames[0], "RepositoryNotFoundException")
}

func (i inventory) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	return nil, i.unless("role "+*in.RoleName, "NoSuchEntity")
}

func (i inventory) GetOpenIDConnectProvider(context.Context, *iam.GetOpenIDConnectProviderInput, ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error) {
	return nil, refusal("NoSuchEntity", "none")
}

func (i inventory) unless(name, code string) error {
	if i[name] {
		return nil
	}
	return refusal(code, "none")
}

func TestTaken(t *testing.T) {
	t.Parallel()
	names := Names{Buckets: []string{"b"}, Clusters: []string{"c"}, Functions: []string{"f"}, LogGroups: []string{"g"}, Repositories: []string{"r"}, Roles: []string{"o"}}
	look := func(i inventory, buckets map[string]error, fresh bool) Line {
		return one(t, Taken(NamesAPI{Buckets: store{buckets: buckets}, Roles: i, Clusters: i, Functions: i, Groups: i, Repositories: i}, names, fresh))
	}
	expect(t, look(inventory{"cluster c": false}, nil, true), OK, "none of 6")
	everything := inventory{"cluster c": true, "function f": true, "group g": true, "repository r": true, "role o": true}
	expect(t, look(everything, map[string]error{"b": forbidden()}, true), Failed,
		"bucket b, ECS cluster c, function f, log group g, repository r, role o")
	expect(t, look(everything, nil, false), Skipped, "state")
}

// issued is ACM with one certificate.
type issued struct {
	certificate acmtypes.CertificateDetail
	err         error
}

func (i issued) DescribeCertificate(context.Context, *acm.DescribeCertificateInput, ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error) {
	return &acm.DescribeCertificateOutput{Certificate: &i.certificate}, i.err
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	detail := func(status acmtypes.CertificateStatus, names ...string) issued {
		return issued{certificate: acmtypes.CertificateDetail{Status: status, DomainName: &names[0], SubjectAlternativeNames: names}}
	}
	for name, c := range map[string]struct {
		api    issued
		domain string
		state  State
		text   string
	}{
		"covers":            {detail("ISSUED", "sensors.example.com"), "sensors.example.com", OK, "sensors.example.com"},
		"by a star":         {detail("ISSUED", "example.com", "*.example.com"), "Sensors.example.com", OK, ""},
		"star of one label": {detail("ISSUED", "*.example.com"), "a.b.example.com", Failed, "covers *.example.com and not"},
		"star is no label":  {detail("ISSUED", "*.example.com"), "example.com", Failed, "not example.com"},
		"not validated":     {detail("PENDING_VALIDATION", "a.com"), "a.com", Failed, "describe-certificate"},
		"expired":           {detail("EXPIRED", "a.com"), "a.com", Failed, "is EXPIRED"},
		"none":              {issued{err: refusal("ResourceNotFoundException", "none")}, "a.com", Failed, "request-certificate"},
		"may not look":      {issued{err: refusal("AccessDeniedException", "acm:DescribeCertificate")}, "a.com", Skipped, "acm:DescribeCertificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, one(t, Certificate(c.api, "arn:x", c.domain)), c.state, c.text)
		})
	}
	expect(t, one(t, Certificate(issued{}, "", "")), Skipped, "plain HTTP")
}

// topics is SNS with subscriptions by topic: address and ARN.
type topics map[string][][2]string

func (s topics) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	list, ok := s[*in.TopicArn]
	if !ok {
		return nil, refusal("NotFound", "Topic does not exist")
	}
	out := &sns.ListSubscriptionsByTopicOutput{}
	for _, one := range list {
		out.Subscriptions = append(out.Subscriptions, snstypes.Subscription{Endpoint: aws.String(one[0]), SubscriptionArn: aws.String(one[1])})
	}
	return out, nil
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	const topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
	for name, c := range map[string]struct {
		api   topics
		mails []string
		state State
		text  string
	}{
		"confirmed":   {topics{topic: {{"a@x", topic + ":1"}}}, []string{"a@x"}, OK, "a@x"},
		"pending":     {topics{topic: {{"a@x", topic + ":1"}, {"b@x", "PendingConfirmation"}}}, []string{"a@x", "b@x"}, Failed, "not confirmed by b@x"},
		"nobody":      {topics{topic: nil}, nil, Skipped, "nobody gets them"},
		"first apply": {topics{}, []string{"a@x"}, Skipped, "first apply"},
		"gone":        {topics{topic: nil}, []string{"a@x"}, Failed, "a@x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, one(t, Alarms(c.api, deployer, []string{"alarms"}, c.mails)), c.state, c.text)
		})
	}
}
