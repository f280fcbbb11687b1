//go:build e2e

package e2e

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// world is an emulated AWS that stays up for a test's calls.
type world struct {
	// args tell a call to use it.
	args   []string
	config aws.Config
	// balancer is the address of the load balancer.
	balancer string
}

func newWorld(t *testing.T) world {
	t.Helper()
	address, balancer := emulator(t)
	return world{
		args:     []string{"--emulator", "tcp://" + address},
		balancer: balancer,
		config: aws.Config{
			Region:       "us-east-1",
			BaseEndpoint: aws.String("http://" + address),
			Credentials:  credentials.NewStaticCredentialsProvider("any", "any", ""),
		},
	}
}

func (w world) dagger(t *testing.T, args ...string) result {
	t.Helper()
	return dagger(t, nil, append(append([]string{}, w.args...), args...)...)
}

func (w world) succeeds(t *testing.T, args ...string) string {
	t.Helper()
	return succeeds(t, append(append([]string{}, w.args...), args...)...)
}

func (w world) s3() *s3.Client {
	return s3.NewFromConfig(w.config, func(o *s3.Options) { o.UsePathStyle = true })
}

// until waits for a condition that has to come.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(5 * time.Minute)
	for !holds() {
		select {
		case <-limit:
			t.Fatalf("waited 5 minutes until %s", what)
		case <-t.Context().Done():
			t.Fatalf("ended before %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

const metadataTable = "sensor-backend-dev-metadata"

// deleteTable deletes what no configuration would.
func (w world) deleteTable(t *testing.T, db *dynamodb.Client) {
	t.Helper()
	if _, err := db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(metadataTable)}); err != nil {
		t.Fatal(err)
	}
}

// own are the names of the environment's resources.
var own = regexp.MustCompile(`sensor-backend(-cluster|-service)?-dev|sensor-data-processor-dev|/sensor-backend/dev/`)

// resources lists by kind and name what is there of the environment, but for CI's roles,
// which are an administrator's.
func (w world) resources(t *testing.T, db *dynamodb.Client) []string {
	t.Helper()
	var found []string
	add := func(kind string, names ...string) {
		for _, name := range names {
			if own.MatchString(name) && !strings.Contains(name, "-ci-") {
				found = append(found, kind+" "+name)
			}
		}
	}
	containers := ecs.NewFromConfig(w.config)
	add("table", list(t, db.ListTables).TableNames...)
	add("cluster", activeClusters(t, containers)...)
	add("task definition", list(t, containers.ListTaskDefinitions).TaskDefinitionArns...)
	add("bucket", names(list(t, w.s3().ListBuckets).Buckets,
		func(b s3types.Bucket) *string { return b.Name })...)
	add("function", names(list(t, lambda.NewFromConfig(w.config).ListFunctions).Functions,
		func(f lambdatypes.FunctionConfiguration) *string { return f.FunctionName })...)
	add("role", names(list(t, iam.NewFromConfig(w.config).ListRoles).Roles,
		func(r iamtypes.Role) *string { return r.RoleName })...)
	add("log group", names(list(t, cloudwatchlogs.NewFromConfig(w.config).DescribeLogGroups).LogGroups,
		func(g logtypes.LogGroup) *string { return g.LogGroupName })...)
	add("load balancer", names(list(t, elasticloadbalancingv2.NewFromConfig(w.config).DescribeLoadBalancers).LoadBalancers,
		func(b elbtypes.LoadBalancer) *string { return b.LoadBalancerName })...)
	add("repository", names(list(t, ecr.NewFromConfig(w.config).DescribeRepositories).Repositories,
		func(r ecrtypes.Repository) *string { return r.RepositoryName })...)
	add("parameter", names(list(t, ssm.NewFromConfig(w.config).DescribeParameters).Parameters,
		func(p ssmtypes.ParameterMetadata) *string { return p.Name })...)
	return found
}

// activeClusters lists the clusters but those that were deleted, of which ECS
// tells for a while.
func activeClusters(t *testing.T, containers *ecs.Client) []string {
	t.Helper()
	known := list(t, containers.ListClusters).ClusterArns
	if len(known) == 0 {
		return nil
	}
	described, err := containers.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: known})
	if err != nil {
		t.Fatal(err)
	}
	var active []string
	for _, cluster := range described.Clusters {
		if aws.ToString(cluster.Status) != "INACTIVE" {
			active = append(active, aws.ToString(cluster.ClusterArn))
		}
	}
	return active
}

// list calls an operation that needs no input.
func list[I, O, Options any](t *testing.T, operation func(context.Context, *I, ...func(*Options)) (*O, error)) *O {
	t.Helper()
	out, err := operation(t.Context(), new(I))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func names[T any](list []T, name func(T) *string) []string {
	var all []string
	for _, item := range list {
		all = append(all, aws.ToString(name(item)))
	}
	return all
}
