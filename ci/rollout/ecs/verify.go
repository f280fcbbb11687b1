package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
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
}

// Checks lists the checks of a revision that a service is about to run.
func Checks(c Verifier, svc types.Service, revision *ecs.RegisterTaskDefinitionInput) []verify.Check {
	checks := []verify.Check{{Name: "service " + aws.ToString(svc.ServiceName), Run: func(context.Context) (string, error) {
		if st := aws.ToString(svc.Status); st != "ACTIVE" {
			return "", fmt.Errorf("it is %s, not ACTIVE", st)
		}
		return "ACTIVE", nil
	}}}
	for _, image := range imagesOf(revision) {
		checks = append(checks, c.image(image), c.gate(image))
	}
	for _, role := range []struct{ what, arn string }{
		{"execution role", aws.ToString(revision.ExecutionRoleArn)}, {"task role", aws.ToString(revision.TaskRoleArn)},
	} {
		if role.arn != "" {
			checks = append(checks, c.role(role.what, role.arn), c.passing(role.what, role.arn))
		}
	}
	for _, group := range logGroups(revision) {
		checks = append(checks, c.logGroup(group))
	}
	for _, lb := range svc.LoadBalancers {
		checks = append(checks, c.target(lb, revision))
	}
	return checks
}

// images are the images named by digest in Amazon ECR, each once.
func imagesOf(revision *ecs.RegisterTaskDefinitionInput) []string {
	var all []string
	for _, d := range revision.ContainerDefinitions {
		image := aws.ToString(d.Image)
		if strings.Contains(image, ".dkr.ecr.") && strings.Contains(image, "@sha256:") && !slices.Contains(all, image) {
			all = append(all, image)
		}
	}
	return all
}

// split takes an image's reference apart.
func splitImage(image string) (repository, digest string) {
	address, digest, _ := strings.Cut(image, "@")
	_, repository, _ = strings.Cut(address, "/")
	return repository, digest
}

func (c Verifier) image(image string) verify.Check {
	repository, digest := splitImage(image)
	return verify.Check{Name: "image in " + repository, Run: func(ctx context.Context) (string, error) {
		out, err := c.Images.DescribeImages(ctx, &ecr.DescribeImagesInput{
			RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}},
		})
		var missing *ecrtypes.ImageNotFoundException
		switch {
		case errors.As(err, &missing), err == nil && len(out.ImageDetails) == 0:
			return "", fmt.Errorf("%s is not there: publish it first", digest)
		case err != nil:
			return "", err
		}
		return digest, nil
	}}
}

func (c Verifier) gate(image string) verify.Check {
	repository, digest := splitImage(image)
	return verify.Check{Name: "scan of " + repository, Run: func(ctx context.Context) (string, error) {
		if c.Gate == nil {
			return "", &verify.SkipError{Reason: "no gate is asked for"}
		}
		return c.Gate(ctx, repository, digest)
	}}
}

func (c Verifier) role(what, arn string) verify.Check {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	return verify.Check{Name: what + " " + name, Run: func(ctx context.Context) (string, error) {
		out, err := c.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		var missing *iamtypes.NoSuchEntityException
		switch {
		case errors.As(err, &missing):
			return "", errors.New("it does not exist: run apply")
		case err != nil:
			return "", err
		case !strings.Contains(aws.ToString(out.Role.AssumeRolePolicyDocument), "ecs-tasks.amazonaws.com"):
			return "", errors.New("ecs-tasks.amazonaws.com may not assume it")
		}
		return "exists, for ECS tasks", nil
	}}
}

// passing asks whether the caller may hand the role to ECS (action
// iam:PassRole), without which RegisterTaskDefinition is refused.
func (c Verifier) passing(what, arn string) verify.Check {
	return verify.Check{Name: "passing the " + what, Run: func(ctx context.Context) (string, error) {
		principal, ok := principalOf(c.Caller)
		if !ok {
			return "", &verify.SkipError{Reason: "the caller is no role or user whose policies can be asked"}
		}
		out, err := c.Roles.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: &principal, ActionNames: []string{"iam:PassRole"}, ResourceArns: []string{arn},
			ContextEntries: []iamtypes.ContextEntry{{
				ContextKeyName: aws.String("iam:PassedToService"), ContextKeyType: iamtypes.ContextKeyTypeEnumString,
				ContextKeyValues: []string{"ecs-tasks.amazonaws.com"},
			}},
		})
		if err != nil {
			return "", err
		}
		for _, r := range out.EvaluationResults {
			if r.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
				return "", fmt.Errorf("%s may not pass it (%s): grant iam:PassRole", principal, r.EvalDecision)
			}
		}
		return "allowed", nil
	}}
}

// principalOf is the role or user whose policies a caller has: a session of an
// assumed role is asked for by its role.
func principalOf(caller string) (string, bool) {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 {
		return "", false
	}
	resource := parts[5]
	switch {
	case strings.HasPrefix(resource, "assumed-role/"):
		name := strings.Split(resource, "/")[1]
		return fmt.Sprintf("arn:%s:iam::%s:role/%s", parts[1], parts[4], name), true
	case strings.HasPrefix(resource, "user/"), strings.HasPrefix(resource, "role/"):
		return caller, true
	}
	return "", false
}

func logGroups(revision *ecs.RegisterTaskDefinitionInput) []string {
	var all []string
	for _, d := range revision.ContainerDefinitions {
		l := d.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs || l.Options["awslogs-create-group"] == "true" {
			continue
		}
		if g := l.Options["awslogs-group"]; g != "" && !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return all
}

func (c Verifier) logGroup(name string) verify.Check {
	return verify.Check{Name: "log group " + name, Run: func(ctx context.Context) (string, error) {
		out, err := c.LogGroups.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		if err != nil {
			return "", err
		}
		for _, g := range out.LogGroups {
			if aws.ToString(g.LogGroupName) == name {
				return "exists", nil
			}
		}
		return "", errors.New("it does not exist, and no task starts without it: run apply")
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
		out, err := c.TargetGroups.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*lb.TargetGroupArn}})
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
			if aws.ToInt32(m.ContainerPort) == port {
				return nil
			}
		}
		return fmt.Errorf("container %s has no port %d, to which the load balancer sends", container, port)
	}
	return fmt.Errorf("there is no container %s, to which the load balancer sends", container)
}
