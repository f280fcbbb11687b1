package ready

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ClusterAPI looks at ECS clusters.
type ClusterAPI interface {
	DescribeClusters(context.Context, *ecs.DescribeClustersInput, ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error)
}

// NamesAPI looks for resources by name.
type NamesAPI struct {
	Buckets      BucketAPI
	Roles        TrustAPI
	Clusters     ClusterAPI
	Functions    lambda.GetFunctionConfigurationAPIClient
	Groups       cloudwatchlogs.DescribeLogGroupsAPIClient
	Repositories ecr.DescribeRepositoriesAPIClient
}

// Taken checks that no name of a new environment is taken: Terraform cannot make what
// is there. An environment that has a state made its resources itself.
func Taken(api NamesAPI, n Names, fresh bool) Check {
	const name = "names"
	return Check{Name: name, Look: func(ctx context.Context) ([]Line, error) {
		if !fresh {
			return []Line{{Check: name, State: Skipped, Detail: "the environment has a state; what it names was made from it"}}, nil
		}
		var taken []string
		count := 0
		for _, kind := range []struct {
			what  string
			names []string
			there func(context.Context, string) (bool, error)
		}{
			{"bucket", n.Buckets, api.bucket}, {"ECS cluster", n.Clusters, api.cluster}, {"function", n.Functions, api.function},
			{"log group", n.LogGroups, api.group}, {"repository", n.Repositories, api.repository}, {"role", n.Roles, api.role},
		} {
			for _, one := range kind.names {
				there, err := kind.there(ctx, one)
				if err != nil {
					return nil, fmt.Errorf("look for the %s %s: %w", kind.what, one, err)
				}
				count++
				if there {
					taken = append(taken, kind.what+" "+one)
				}
			}
		}
		if len(taken) > 0 {
			return []Line{{
				Check: name, State: Failed, Detail: "there already, and not in this environment's state: " + strings.Join(taken, ", "),
				Remedy: "choose another --project-name, delete them, or take them over with terraform import",
			}}, nil
		}
		return []Line{{Check: name, State: OK, Detail: fmt.Sprintf("none of %d is taken", count)}}, nil
	}}
}

// found turns the answer to a question for one name into whether it is there.
func found(err error) (bool, error) {
	if missing(err) {
		return false, nil
	}
	return err == nil, err
}

// bucket: one of another account is answered with 403, and is taken as well.
func (api NamesAPI) bucket(ctx context.Context, name string) (bool, error) {
	_, err := api.Buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusForbidden {
		return true, nil
	}
	return found(err)
}

func (api NamesAPI) cluster(ctx context.Context, name string) (bool, error) {
	out, err := api.Clusters.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{name}})
	if err != nil {
		return false, err
	}
	return len(out.Clusters) > 0 && aws.ToString(out.Clusters[0].Status) != "INACTIVE", nil
}

func (api NamesAPI) function(ctx context.Context, name string) (bool, error) {
	_, err := api.Functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	return found(err)
}

func (api NamesAPI) group(ctx context.Context, name string) (bool, error) {
	out, err := api.Groups.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		return false, err
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) == name {
			return true, nil
		}
	}
	return false, nil
}

func (api NamesAPI) repository(ctx context.Context, name string) (bool, error) {
	_, err := api.Repositories.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	return found(err)
}

func (api NamesAPI) role(ctx context.Context, name string) (bool, error) {
	_, err := api.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	return found(err)
}
