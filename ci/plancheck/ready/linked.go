package ready

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// RolesAPI lists roles below a path.
type RolesAPI interface {
	ListRoles(context.Context, *iam.ListRolesInput, ...func(*iam.Options)) (*iam.ListRolesOutput, error)
}

// LinkedRoles checks that the services have their roles in the account: each is below
// a path of its own (IAM User Guide, "Service-linked roles"). A service makes its role
// by itself when its first resource is made by somebody who may do that; a role for
// CI may not.
func LinkedRoles(api RolesAPI, services []string) []Check {
	checks := make([]Check, 0, len(services))
	for _, service := range services {
		name := "service-linked role of " + service
		checks = append(checks, Check{Name: name, Advice: true, Look: func(ctx context.Context) ([]Line, error) {
			path := "/aws-service-role/" + service + "/"
			out, err := api.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: &path})
			if err != nil {
				return nil, err
			}
			for _, role := range out.Roles {
				// Some emulated AWS ignore the path.
				if role.Path != nil && strings.HasPrefix(*role.Path, path) {
					return []Line{{Check: name, State: OK, Detail: *role.RoleName}}, nil
				}
			}
			return []Line{{
				Check: name, State: Failed, Detail: "the account has none: the first resource of the service fails under a role that may not make it",
				Remedy: fmt.Sprintf("aws iam create-service-linked-role --aws-service-name %s", service),
			}}, nil
		}})
	}
	return checks
}
