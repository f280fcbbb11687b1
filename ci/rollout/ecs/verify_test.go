package ecs

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// world is the AWS that the checks ask.
type world struct {
	imageMissing, roleMissing, groupMissing, targetMissing bool
	trust, decision, targetType                            string
	denied                                                 error
}

func (w *world) DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	if w.imageMissing {
		return nil, &ecrtypes.ImageNotFoundException{}
	}
	return &ecr.DescribeImagesOutput{ImageDetails: []ecrtypes.ImageDetail{{}}}, w.denied
}

func (w *world) GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	if w.roleMissing {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &iam.GetRoleOutput{Role: &iamtypes.Role{AssumeRolePolicyDocument: &w.trust}}, w.denied
}

func (w *world) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	if *in.PolicySourceArn != "arn:aws:iam::111111111111:role/deployer" {
		return nil, errors.New("asked for " + *in.PolicySourceArn)
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: []iamtypes.EvaluationResult{{EvalDecision: iamtypes.PolicyEvaluationDecisionType(w.decision)}}}, w.denied
}

func (w *world) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []logtypes.LogGroup{{LogGroupName: aws.String(*in.LogGroupNamePrefix + "-other")}}}
	if !w.groupMissing {
		out.LogGroups = append(out.LogGroups, logtypes.LogGroup{LogGroupName: in.LogGroupNamePrefix})
	}
	return out, w.denied
}

func (w *world) DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	if w.targetMissing {
		return nil, &elbtypes.TargetGroupNotFoundException{}
	}
	return &elb.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{{TargetGroupName: aws.String("tg"), TargetType: elbtypes.TargetTypeEnum(w.targetType)}}}, w.denied
}

// revision is what the checks are about.
func revision() (types.Service, *ecs.RegisterTaskDefinitionInput) {
	svc := types.Service{ServiceName: aws.String("api"), Status: aws.String("ACTIVE"), LoadBalancers: []types.LoadBalancer{
		{ContainerName: aws.String("api"), ContainerPort: aws.Int32(8080), TargetGroupArn: aws.String("arn:tg")},
	}}
	return svc, &ecs.RegisterTaskDefinitionInput{
		NetworkMode: types.NetworkModeAwsvpc, ExecutionRoleArn: aws.String("arn:aws:iam::111111111111:role/exec"), TaskRoleArn: aws.String("arn:aws:iam::111111111111:role/task"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("api"), Image: aws.String("111111111111.dkr.ecr.eu-central-1.amazonaws.com/api@sha256:1"),
			PortMappings:     []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/ecs/api"}},
		}},
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*world, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier)
		says   string
		failed bool
	}{
		{"all well", func(*world, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier) {}, "└─ OK      target api:8080: target group tg", false},
		{"image missing", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.imageMissing = true
		}, "FAILED  image in api: sha256:1 is not there: publish it first", true},
		{"gate", func(_ *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, c *Verifier) {
			c.Gate = func(context.Context, string, string) (string, error) { return "", errors.New("CVE-1") }
		}, "FAILED  scan of api: CVE-1", true},
		{"no gate", func(_ *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, c *Verifier) { c.Gate = nil }, "SKIPPED scan of api", false},
		{"role missing", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.roleMissing = true
		}, "FAILED  execution role exec: it does not exist", true},
		{"role of another", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.trust = "lambda.amazonaws.com"
		}, "FAILED  task role task: ecs-tasks.amazonaws.com may not assume it", true},
		{"role not to be passed", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.decision = "implicitDeny"
		}, "FAILED  passing the task role: arn:aws:iam::111111111111:role/deployer may not pass it (implicitDeny)", true},
		{"caller is root", func(_ *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, c *Verifier) {
			c.Caller = "arn:aws:iam::111111111111:root"
		}, "SKIPPED passing the task role", false},
		{"log group missing", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.groupMissing = true
		}, "FAILED  log group /ecs/api: it does not exist", true},
		{"target group missing", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.targetMissing = true
		}, "target group arn:tg does not exist", true},
		{"target group of instances", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.targetType = "instance"
		}, "is for instance targets", true},
		{"other port", func(_ *world, _ *types.Service, in *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			in.ContainerDefinitions[0].PortMappings[0].ContainerPort = aws.Int32(80)
		}, "container api has no port 8080", true},
		{"other container", func(_ *world, _ *types.Service, in *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			in.ContainerDefinitions[0].Name = aws.String("web")
		}, "there is no container api", true},
		{"service draining", func(_ *world, svc *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			svc.Status = aws.String("DRAINING")
		}, "FAILED  service api: it is DRAINING", true},
		{"no permission to look", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.denied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
		}, "SKIPPED image in api: cannot look: api error AccessDenied: no", false},
		{"AWS out of order", func(w *world, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			w.denied = errors.New("connection refused")
		}, "FAILED  log group /ecs/api: connection refused", true},
	} {
		w := &world{trust: `{"Service":"ecs-tasks.amazonaws.com"}`, decision: "allowed", targetType: "ip"}
		svc, in := revision()
		clients := Verifier{
			Images: w, Roles: w, LogGroups: w, TargetGroups: w, Caller: "arn:aws:sts::111111111111:assumed-role/deployer/session",
			Gate: func(context.Context, string, string) (string, error) { return "clean", nil },
		}
		c.change(w, &svc, in, &clients)
		report := verify.Run(t.Context(), "api", Checks(clients, svc, in))
		if !strings.Contains(report.String(), c.says) || (report.Err() != nil) != c.failed {
			t.Errorf("%s: want %q, failed %v, got %v\n%s", c.name, c.says, c.failed, report.Err(), report)
		}
	}
}
