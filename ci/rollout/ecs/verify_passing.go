package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// passing asks whether the caller may hand the role to ECS (action
// iam:PassRole), without which RegisterTaskDefinition is refused. Where IAM
// cannot say, the check is skipped: AWS itself decides then.
func (c Verifier) passing(what, arn string) verify.Check {
	return verify.Check{Name: "passing the " + what, Run: func(ctx context.Context) (string, error) {
		principal, err := c.principal(ctx)
		if err != nil {
			return "", err
		}
		var out *iam.SimulatePrincipalPolicyOutput
		err = c.ask(ctx, func(ctx context.Context) (err error) {
			out, err = c.Roles.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
				PolicySourceArn: &principal, ActionNames: []string{"iam:PassRole"}, ResourceArns: []string{arn},
				ContextEntries: []iamtypes.ContextEntry{{
					ContextKeyName: aws.String("iam:PassedToService"), ContextKeyType: iamtypes.ContextKeyTypeEnumString,
					ContextKeyValues: []string{"ecs-tasks.amazonaws.com"},
				}},
			})
			return err
		})
		var unknown *iamtypes.NoSuchEntityException
		var invalid *iamtypes.InvalidInputException
		switch {
		case errors.As(err, &unknown), errors.As(err, &invalid):
			return "", &verify.SkipError{Reason: "IAM does not know " + principal + " by that name: a session does not carry its role's path"}
		case err != nil:
			return "", err
		}
		for _, r := range out.EvaluationResults {
			if r.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeAllowed {
				continue
			}
			if len(r.MissingContextValues) > 0 {
				return "", &verify.SkipError{Reason: "the caller's policies depend on " + strings.Join(r.MissingContextValues, ", ") + ", which are not known here"}
			}
			return "", fmt.Errorf("%s may not pass it (%s): grant iam:PassRole", principal, r.EvalDecision)
		}
		return "allowed", nil
	}}
}

// identityCenterRole begins the names of the roles that IAM Identity Center makes,
// whose path a session's ARN does not carry.
const identityCenterRole = "AWSReservedSSO_"

// principal is the role or user whose policies the caller has: a session of an
// assumed role is asked for by its role, whose path IAM knows.
func (c Verifier) principal(ctx context.Context) (string, error) {
	named, role, ok := principalOf(c.Caller)
	if !ok {
		return "", &verify.SkipError{Reason: "the caller is not a role or user whose policies can be asked"}
	}
	if role == "" {
		return named, nil
	}
	var out *iam.GetRoleOutput
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		out, err = c.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		return err
	})
	switch {
	case err == nil && out.Role != nil && aws.ToString(out.Role.Arn) != "":
		return aws.ToString(out.Role.Arn), nil
	case strings.HasPrefix(role, identityCenterRole):
		return "", &verify.SkipError{Reason: "the caller is " + role + " of IAM Identity Center, whose path is not known"}
	}
	return named, nil
}

// principalOf is the ARN of the role or user whose policies a caller has, as far as
// the caller's own ARN shows it, and the role's name for a session of one.
func principalOf(caller string) (arn, role string, ok bool) {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 {
		return "", "", false
	}
	resource := parts[5]
	switch {
	case strings.HasPrefix(resource, "assumed-role/"):
		name := strings.Split(resource, "/")[1]
		return fmt.Sprintf("arn:%s:iam::%s:role/%s", parts[1], parts[4], name), name, true
	case strings.HasPrefix(resource, "user/"), strings.HasPrefix(resource, "role/"):
		return caller, "", true
	}
	return "", "", false
}
