package ready

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sensor-backend/plancheck/plan"
)

// Question is what an account has to be ready for.
type Question struct {
	// Plan is the plan of the whole configuration for the account.
	Plan plan.Plan
	// Place is where the state lies.
	Place Place
	// Role is the name of the role that a workflow takes.
	Role string
	// Subject is what the workflow's token says; without a repository no workflow
	// takes a role.
	Subject Subject
	// PathStyle addresses buckets by path, as an emulated AWS needs it.
	PathStyle bool
}

// All makes every check with the credentials of a configuration.
func All(ctx context.Context, config aws.Config, q Question) Report {
	caller, err := whoAsks(ctx, config)
	if err != nil {
		return Report{problem("identity", err)}
	}
	n := NeedsOf(q.Plan)
	objects := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = q.PathStyle })
	roles, network, functions := iam.NewFromConfig(config), NewNetwork(config), lambda.NewFromConfig(config)
	fresh := Fresh(ctx, objects, q.Place)

	who := []Check{
		{Name: "identity", Look: func(context.Context) ([]Line, error) {
			return []Line{{Check: "identity", State: OK, Detail: fmt.Sprintf("%s in account %s, region %s", caller.ARN, caller.Account, caller.Region)}}, nil
		}},
		Rights(roles, caller, Acts(caller, q.Place, n)),
	}
	made := []Check{
		Taken(NamesAPI{
			Buckets: objects, Roles: roles, Clusters: ecs.NewFromConfig(config), Functions: functions,
			Groups: cloudwatchlogs.NewFromConfig(config), Repositories: ecr.NewFromConfig(config),
		}, n.Names, fresh),
		Certificate(acm.NewFromConfig(config), n.Certificate, n.Domain),
		Alarms(sns.NewFromConfig(config), caller, n.Topics, n.Mails),
	}
	return Run(ctx, slices.Concat(
		who,
		Trust(roles, caller, q.Role, q.Subject),
		LinkedRoles(roles, n.LinkedRoles),
		Quotas(servicequotas.NewFromConfig(config), network, functions, n, fresh),
		Backend(objects, dynamodb.NewFromConfig(config), q.Place),
		made,
	))
}

// whoAsks asks STS whose credentials they are.
func whoAsks(ctx context.Context, config aws.Config) (Caller, error) {
	out, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Caller{}, err
	}
	parsed, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return Caller{}, fmt.Errorf("read who asks: %w", err)
	}
	return Caller{Account: aws.ToString(out.Account), Partition: parsed.Partition, Region: config.Region, ARN: aws.ToString(out.Arn)}, nil
}
