package agent

import (
	"context"
	"fmt"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// Roles takes the roles of tasks.
type Roles interface {
	// Start takes the role that starts a task. Source is the task's ARN.
	Start(ctx context.Context, region, role, id, source string) (Starter, error)
	// Provide lets the containers of a task ask for the keys of its role.
	Provide(ctx context.Context, region, role, id, source string) error
	// Withdraw ends what Provide began.
	Withdraw(id string)
}

// Starter is an execution role that was taken.
type Starter interface {
	// May says whether the role may do something; the error is AWS's.
	May(ctx context.Context, action, resource string, conditions map[string]string) error
	// RegistryPassword is what the role pulls images with.
	RegistryPassword() string
}

// takeRoles takes the roles of the task, if its definition has any.
func (r *run) takeRoles(ctx context.Context, d Definition) (err error) {
	if r.config.Roles == nil {
		return nil
	}
	source := r.arn("ecs", "task/"+first(r.spec.Cluster, "default")+"/"+r.spec.ID)
	unable := func(role string, err error) error {
		return cannotStart("ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role. %v", role, err)
	}
	if d.ExecutionRole != "" {
		if r.starter, err = r.config.Roles.Start(ctx, r.spec.Region, d.ExecutionRole, r.spec.ID, source); err != nil {
			return unable(d.ExecutionRole, err)
		}
	}
	if d.TaskRole != "" {
		if err := r.config.Roles.Provide(ctx, r.spec.Region, d.TaskRole, r.spec.ID, source); err != nil {
			return unable(d.TaskRole, err)
		}
		r.hasRole = true
	}
	return nil
}

// may asks the execution role, where there is one.
func (r *run) may(ctx context.Context, action, resource string) error {
	if r.starter == nil {
		return nil
	}
	return r.starter.May(ctx, action, resource, nil)
}

func (r *run) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + r.spec.Region + ":" + awsapi.DefaultAccount + ":" + resource
}

// keys are the variables by which a container finds its keys: those of the task's
// role, which it has to ask for, or the administrator's where nobody takes roles.
func (r *run) keys() []string {
	switch {
	case r.hasRole:
		return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + r.config.Endpoint + "/_emulator/credentials/" + r.spec.ID}
	case r.config.Roles == nil:
		return []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	}
	return nil
}

// maySecret says whether the execution role may read what a secret names.
func (r *run) maySecret(ctx context.Context, from string) error {
	action, resource := "ssm:GetParameters", from
	if rest, ok := cutARN(from, "secretsmanager"); ok {
		const parts = 2 // secret:NAME, before key, stage and version
		names := strings.SplitN(rest, ":", parts+1)
		action, resource = "secretsmanager:GetSecretValue", r.arn("secretsmanager", strings.Join(names[:min(parts, len(names))], ":"))
	} else if !strings.HasPrefix(from, "arn:") {
		resource = r.arn("ssm", "parameter/"+strings.TrimPrefix(from, "/"))
	}
	if err := r.may(ctx, action, resource); err != nil {
		return fmt.Errorf("execution resource retrieval failed: unable to retrieve secret from %s: service call has been retried 1 time(s): %w", strings.Split(action, ":")[0], err)
	}
	return nil
}
