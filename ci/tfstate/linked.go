package tfstate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// LinkedRoles is what LinkRoles asks of IAM.
type LinkedRoles interface {
	ListRoles(ctx context.Context, in *iam.ListRolesInput, opts ...func(*iam.Options)) (*iam.ListRolesOutput, error)
	CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput, opts ...func(*iam.Options)) (*iam.CreateServiceLinkedRoleOutput, error)
}

// linkedServices are the services of the configuration that act in an account by a
// role of their own (IAM User Guide, "AWS services that work with IAM"). Each makes it
// with the rights of who makes its first resource, which a role for CI has not.
func linkedServices() []string {
	return []string{
		"ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com",
		"redshift.amazonaws.com",
	}
}

// LinkRoles makes the service-linked roles that the account lacks, and names the
// services of those it made. They are the whole account's, and cost nothing.
func LinkRoles(ctx context.Context, api LinkedRoles) ([]string, error) {
	var made []string
	for _, service := range linkedServices() {
		there, err := linked(ctx, api, service)
		if err != nil {
			return made, err
		}
		if there {
			continue
		}
		_, err = api.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service})
		// Of two that make it at once, one is told that its name is taken.
		var taken *iamtypes.InvalidInputException
		if errors.As(err, &taken) && strings.Contains(taken.ErrorMessage(), "has been taken") {
			continue
		}
		if err != nil {
			return made, fmt.Errorf("make the service-linked role of %s: %w; an administrator has to make it: aws iam create-service-linked-role --aws-service-name %s", service, err, service)
		}
		made = append(made, service)
	}
	return made, nil
}

// linked reports whether a service has its role, which lies below a path of its own.
func linked(ctx context.Context, api LinkedRoles, service string) (bool, error) {
	path := "/aws-service-role/" + service + "/"
	out, err := api.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: &path})
	if err != nil {
		return false, fmt.Errorf("look for the service-linked role of %s: %w", service, err)
	}
	for _, role := range out.Roles {
		if role.Path != nil && strings.HasPrefix(*role.Path, path) {
			return true, nil
		}
	}
	return false, nil
}
