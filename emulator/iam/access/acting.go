package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// Acting is a role that a service has taken for a task or a function.
type Acting struct {
	access  *Access
	session *Session
	region  string
}

// Act takes a role for a service, such as lambda.amazonaws.com, if the role's trust
// policy lets it. Name is the session's, and source the ARN of what it is taken for.
func (a *Access) Act(ctx context.Context, service, region, role, name, source string) (*Acting, error) {
	// As long as the services let a role's keys last at most.
	const life = 12 * time.Hour
	session, err := a.forService(ctx, service, role, name, source, life)
	if err != nil {
		return nil, err
	}
	return &Acting{access: a, session: session, region: region}, nil
}

// Keys are what a program of the role signs with.
func (a *Acting) Keys() (key, secret, token string) {
	return a.session.AccessKey, a.session.Secret, a.session.Token
}

// RegistryPassword is what the role pulls images with.
func (a *Acting) RegistryPassword() string { return a.access.Login(a.session, a.region) }

// May says whether the role may do something by itself, without a request, and use
// the key behind it where there is one: read a secret, write a log, send a message.
// The error is AWS's.
func (a *Acting) May(ctx context.Context, action, resource string, conditions map[string]string) error {
	if err := a.may(ctx, action, resource, conditions); err != nil {
		return err
	}
	uses := map[string][]string{
		"ssm:GetParameters": {"kms:Decrypt"}, "secretsmanager:GetSecretValue": {"kms:Decrypt"},
		"sqs:SendMessage": {"kms:GenerateDataKey", "kms:Decrypt"}, "sns:Publish": {"kms:GenerateDataKey", "kms:Decrypt"},
	}[action]
	if len(uses) == 0 {
		return nil
	}
	key, err := facts{a.access}.KeyOf(ctx, resource)
	if err != nil || key == "" {
		return err
	}
	service, _, _ := strings.Cut(action, ":")
	for _, use := range uses {
		if err := a.may(ctx, use, key, map[string]string{"kms:ViaService": service + "." + a.region + ".amazonaws.com"}); err != nil {
			return err
		}
	}
	return nil
}

func (a *Acting) may(ctx context.Context, action, resource string, conditions map[string]string) error {
	values := iam.Values{}
	for key, value := range conditions {
		values.Set(key, value)
	}
	request, decision, err := a.access.decide(ctx, a.session, nil, a.region, calls.Check{Action: action, Resource: resource, Context: values})
	if err != nil {
		return err
	}
	a.access.record.add(a.session, calls.Call{Region: a.region}, request, decision)
	if decision.Allowed {
		return nil
	}
	return &awsapi.Error{Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: iam.Sentence(request, decision)}
}

// forService makes a session of a role for a service.
func (a *Access) forService(ctx context.Context, service, roleARN, name, source string, life time.Duration) (*Session, error) {
	role, err := a.store.role(ctx, roleARN)
	if err != nil {
		return nil, err
	}
	values := iam.Values{}
	values.Set("aws:SourceAccount", awsapi.DefaultAccount)
	values.Set("aws:SourceArn", source)
	values.Set("sts:RoleSessionName", name)
	request := iam.Request{
		Principal: iam.Principal{Service: service, ARN: service}, Action: "sts:AssumeRole", Resource: roleARN, ResourceDecides: true, Context: values,
	}
	if decision := iam.Evaluate(request, iam.Policies{Resource: role.trust}); !decision.Allowed {
		return nil, fmt.Errorf("%s may not take the role %s: its trust policy does not allow it", service, roleARN)
	}
	return a.open(role, name, life, nil), nil
}

// provided is a task whose containers may ask for the keys of its role.
type provided struct {
	acting       *Acting
	role, source string
}

// Provide lets the containers of a task ask for the keys of its role, until
// Withdraw.
func (a *Access) Provide(ctx context.Context, region, role, id, source string) error {
	acting, err := a.Act(ctx, "ecs-tasks.amazonaws.com", region, role, id, source)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tasks[id] = provided{acting, role, source}
	return nil
}

// Withdraw ends what Provide began.
func (a *Access) Withdraw(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tasks, id)
}

// ServeCredentials answers a container that asks for the keys of its task's role,
// in the form of AWS_CONTAINER_CREDENTIALS_FULL_URI.
func (a *Access) ServeCredentials(ctx context.Context, w http.ResponseWriter, id string) {
	a.mu.Lock()
	task, ok := a.tasks[id]
	a.mu.Unlock()
	// Clients ask again when their keys are about to end.
	const soon = time.Hour
	if ok && a.clock().Add(soon).After(task.acting.session.Expires) {
		if err := a.Provide(ctx, task.acting.region, task.role, id, task.source); err != nil {
			awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"code": "AssumeRoleUnauthorizedAccess", "message": err.Error()})
			return
		}
		a.mu.Lock()
		task = a.tasks[id]
		a.mu.Unlock()
	}
	if !ok {
		awsapi.WriteREST(w, http.StatusNotFound, map[string]string{"code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found"})
		return
	}
	key, secret, token := task.acting.Keys()
	awsapi.WriteREST(w, http.StatusOK, map[string]string{
		"RoleArn": task.role, "AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
		"Expiration": task.acting.session.Expires.UTC().Format(time.RFC3339),
	})
}
