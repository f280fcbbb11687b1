package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Images is what is asked of ECR; *ecr.Client has it.
type Images interface {
	DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput, opts ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
}

// Roles is what is asked of IAM; *iam.Client has it.
type Roles interface {
	GetRole(ctx context.Context, in *iam.GetRoleInput, opts ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput, opts ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error)
}

// LogGroups is what is asked of CloudWatch Logs; *cloudwatchlogs.Client has it.
type LogGroups interface {
	DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, opts ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
}

// TargetGroups is what is asked of the load balancers; the client of
// elasticloadbalancingv2 has it.
type TargetGroups interface {
	DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput, opts ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
}

// Verifier are the services that the checks ask.
type Verifier struct {
	Images       Images
	Roles        Roles
	LogGroups    LogGroups
	TargetGroups TargetGroups
	// Gate says what the registry's scan of an image by digest means; an error is
	// a reason not to deploy.
	Gate func(ctx context.Context, repository, digest string) (string, error)
	// Caller is the ARN of who deploys, for whether it may pass the roles.
	Caller string
	// Env is the randomness of the pauses between tries.
	Env poll.Env
}

// tries is how often a check asks in all before it is skipped because AWS does not
// answer.
const tries = 3

// ask makes a call with a limit of its own, again while it fails in passing. What
// AWS does not answer cannot be checked, which is a reason to skip.
func (c Verifier) ask(ctx context.Context, call func(ctx context.Context) error) error {
	loop := c.Env.Start()
	for try := 1; ; try++ {
		err := loop.Call(ctx, call)
		switch {
		case err == nil || ctx.Err() != nil || !poll.Transient(err):
			return err
		case try == tries:
			return &verify.SkipError{Reason: "cannot look: " + err.Error()}
		}
		loop.Failed()
		if waited := loop.Wait(ctx); waited != nil {
			return waited
		}
	}
}

// Checks lists the checks of a revision that a service is about to run.
func Checks(c Verifier, svc types.Service, revision *ecs.RegisterTaskDefinitionInput) []verify.Check {
	checks := []verify.Check{{Name: "service " + aws.ToString(svc.ServiceName), Run: func(context.Context) (string, error) {
		if st := aws.ToString(svc.Status); st != "ACTIVE" {
			return "", fmt.Errorf("it is %s, not ACTIVE", st)
		}
		return "ACTIVE", nil
	}}}
	checks = append(checks, c.images(svc, revision)...)
	for _, role := range []struct{ what, arn string }{
		{"execution role", aws.ToString(revision.ExecutionRoleArn)}, {"task role", aws.ToString(revision.TaskRoleArn)},
	} {
		if role.arn != "" {
			checks = append(checks, c.role(role.what, role.arn), c.passing(role.what, role.arn))
		}
	}
	here := c.home(svc)
	for _, group := range logGroups(revision) {
		checks = append(checks, c.logGroup(group, here))
	}
	for _, lb := range svc.LoadBalancers {
		checks = append(checks, c.target(lb, revision))
	}
	return checks
}

func (c Verifier) role(what, arn string) verify.Check {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	return verify.Check{Name: what + " " + name, Run: func(ctx context.Context) (string, error) {
		var out *iam.GetRoleOutput
		err := c.ask(ctx, func(ctx context.Context) (err error) {
			out, err = c.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
			return err
		})
		var missing *iamtypes.NoSuchEntityException
		switch {
		case errors.As(err, &missing):
			return "", errors.New("it does not exist: run apply")
		case err != nil:
			return "", err
		case out.Role == nil:
			return "", &verify.SkipError{Reason: "IAM answered without the role"}
		case !strings.Contains(aws.ToString(out.Role.AssumeRolePolicyDocument), "ecs-tasks.amazonaws.com"):
			return "", errors.New("ecs-tasks.amazonaws.com may not assume it")
		}
		return "exists, for ECS tasks", nil
	}}
}

// logGroup is a log group of a region; an empty region is the service's own.
type logGroup struct{ name, region string }

func logGroups(revision *ecs.RegisterTaskDefinitionInput) []logGroup {
	var all []logGroup
	for _, d := range revision.ContainerDefinitions {
		l := d.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs || l.Options["awslogs-create-group"] == "true" {
			continue
		}
		g := logGroup{l.Options["awslogs-group"], l.Options["awslogs-region"]}
		if g.name != "" && !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return all
}

func (c Verifier) logGroup(group logGroup, here place) verify.Check {
	return verify.Check{Name: "log group " + group.name, Run: func(ctx context.Context) (string, error) {
		if group.region != "" && here.region != "" && group.region != here.region {
			return "", &verify.SkipError{Reason: "it is in " + group.region + ", and only " + here.region + " is asked"}
		}
		in := &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group.name}
		for {
			var out *cloudwatchlogs.DescribeLogGroupsOutput
			err := c.ask(ctx, func(ctx context.Context) (err error) {
				out, err = c.LogGroups.DescribeLogGroups(ctx, in)
				return err
			})
			if err != nil {
				return "", err
			}
			for _, g := range out.LogGroups {
				if aws.ToString(g.LogGroupName) == group.name {
					return "exists", nil
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				return "", errors.New("it does not exist, and no task starts without it: run apply")
			}
		}
	}}
}

func (c Verifier) target(lb types.LoadBalancer, revision *ecs.RegisterTaskDefinitionInput) verify.Check {
	container, port := aws.ToString(lb.ContainerName), aws.ToInt32(lb.ContainerPort)
	return verify.Check{Name: fmt.Sprintf("target %s:%d", container, port), Run: func(ctx context.Context) (string, error) {
		if err := listens(revision, container, port); err != nil {
			return "", err
		}
		if aws.ToString(lb.TargetGroupArn) == "" {
			return "", &verify.SkipError{Reason: "a classic load balancer"}
		}
		var out *elb.DescribeTargetGroupsOutput
		err := c.ask(ctx, func(ctx context.Context) (err error) {
			out, err = c.TargetGroups.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*lb.TargetGroupArn}})
			return err
		})
		var missing *elbtypes.TargetGroupNotFoundException
		switch {
		case errors.As(err, &missing), err == nil && len(out.TargetGroups) == 0:
			return "", fmt.Errorf("target group %s does not exist: run apply", *lb.TargetGroupArn)
		case err != nil:
			return "", err
		}
		g := out.TargetGroups[0]
		if revision.NetworkMode == types.NetworkModeAwsvpc && g.TargetType != elbtypes.TargetTypeEnumIp {
			return "", fmt.Errorf("target group %s is for %s targets, a task with its own network needs ip", aws.ToString(g.TargetGroupName), g.TargetType)
		}
		return "target group " + aws.ToString(g.TargetGroupName), nil
	}}
}

// listens checks that the container of the load balancer has its port.
func listens(revision *ecs.RegisterTaskDefinitionInput, container string, port int32) error {
	for _, d := range revision.ContainerDefinitions {
		if aws.ToString(d.Name) != container {
			continue
		}
		for _, m := range d.PortMappings {
			if aws.ToInt32(m.ContainerPort) == port || inRange(aws.ToString(m.ContainerPortRange), port) {
				return nil
			}
		}
		return fmt.Errorf("container %s has no port %d, to which the load balancer sends", container, port)
	}
	return fmt.Errorf("there is no container %s, to which the load balancer sends", container)
}

// inRange reports whether a port is in a range such as 8000-8010.
func inRange(ports string, port int32) bool {
	first, last, ok := strings.Cut(ports, "-")
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return ok && err == nil && err2 == nil && from <= int(port) && int(port) <= to
}
