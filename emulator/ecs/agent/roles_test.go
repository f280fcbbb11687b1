package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

// fakeRoles takes every role but "nobody", and lets it do all but what is denied.
type fakeRoles struct {
	mu        sync.Mutex
	denied    []string
	asked     []string
	withdrawn []string
}

func (f *fakeRoles) Start(_ context.Context, _, role, _, source string) (Starter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, "for "+source)
	if role == "nobody" {
		return nil, awsapi.Errorf("AccessDenied", "not trusted")
	}
	return f, nil
}

func (f *fakeRoles) Provide(_ context.Context, _, role, _, _ string) error {
	if role == "nobody" {
		return awsapi.Errorf("AccessDenied", "not trusted")
	}
	return nil
}

func (f *fakeRoles) Withdraw(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.withdrawn = append(f.withdrawn, id)
}

func (f *fakeRoles) May(_ context.Context, action, resource string, _ map[string]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, action+" "+resource)
	if slices.Contains(f.denied, action) {
		return awsapi.Errorf("AccessDeniedException", "not authorized to perform: %s", action)
	}
	return nil
}

func (f *fakeRoles) RegistryPassword() string { return "of the role" }

func (f *fakeRoles) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// withRoles makes a bench whose task has roles.
func withRoles(t *testing.T, denied ...string) (*bench, *fakeRoles) {
	t.Helper()
	c := api()
	c.Secrets = []Secret{{"KEY", "/api/key"}, {"WORD", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-1:password::"}}
	b := newBench(t, c)
	b.moto.parameters = map[string]string{"/api/key": "hidden"}
	b.moto.secrets = map[string]string{"arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-1": `{"password":"x"}`}
	b.moto.definition.TaskRole, b.moto.definition.ExecutionRole = "task", "execution"
	roles := &fakeRoles{denied: denied}
	b.config.Roles = roles
	return b, roles
}

func TestTaskHasItsRoles(t *testing.T) {
	t.Parallel()
	b, roles := withRoles(t)
	u := b.launch(t, withBalancer, func(s *Spec) { s.Cluster = "c" })
	u.ready()
	res, err := http.Get("http://" + b.balancer.at("group 0123") + "/env")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var env map[string]string
	if err := json.NewDecoder(res.Body).Decode(&env); err != nil {
		t.Fatal(err)
	}
	if env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != "http://aws:5000/_emulator/credentials/0123" || env["AWS_ACCESS_KEY_ID"] != "" {
		t.Errorf("the container finds its keys by %q, and has %q", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], env["AWS_ACCESS_KEY_ID"])
	}
	u.end()
	const scope = ":eu-central-1:123456789012:"
	for _, want := range []string{
		"for arn:aws:ecs" + scope + "task/c/0123",
		"ecr:GetAuthorizationToken *",
		"ssm:GetParameters arn:aws:ssm" + scope + "parameter/api/key",
		"secretsmanager:GetSecretValue arn:aws:secretsmanager" + scope + "secret:db-1",
		"logs:CreateLogStream arn:aws:logs" + scope + "log-group:/web:log-stream:api/api/0123",
		"logs:PutLogEvents arn:aws:logs" + scope + "log-group:/web:log-stream:api/api/0123",
	} {
		if !slices.Contains(strings.Split(roles.said(), "\n"), want) {
			t.Errorf("it was not asked for %s, but\n%s", want, roles.said())
		}
	}
	if !slices.Equal(roles.withdrawn, []string{"0123"}) {
		t.Errorf("withdrawn %v", roles.withdrawn)
	}
}

func TestRolesThatMayNot(t *testing.T) {
	t.Parallel()
	for denied, says := range map[string]string{
		"ecr:GetAuthorizationToken":     "unable to get registry auth from Amazon ECR",
		"ssm:GetParameters":             "unable to retrieve secret from ssm",
		"secretsmanager:GetSecretValue": "unable to retrieve secret from secretsmanager",
		"logs:CreateLogStream":          "failed to create Cloudwatch log stream",
	} {
		b, _ := withRoles(t, denied)
		end := b.launch(t).until(scheduler.Ended)
		if end.Code != "TaskFailedToStart" || !strings.Contains(end.Reason, says) || !strings.Contains(end.Reason, denied) {
			t.Errorf("without %s it ends with %s: %s", denied, end.Code, end.Reason)
		}
	}
	for _, role := range []string{"task", "execution"} {
		b, _ := withRoles(t)
		if role == "task" {
			b.moto.definition.TaskRole = "nobody"
		} else {
			b.moto.definition.ExecutionRole = "nobody"
		}
		if end := b.launch(t).until(scheduler.Ended); !strings.Contains(end.Reason, "ECS was unable to assume the role 'nobody'") {
			t.Errorf("with a %s role that trusts nobody it ends with %s", role, end.Reason)
		}
	}
	b, _ := withRoles(t, "logs:PutLogEvents")
	u := b.launch(t, withBalancer)
	u.ready()
	u.end()
	if got := b.moto.logged("/web:api/api/0123"); got != "" {
		t.Errorf("who may not write the log wrote %q", got)
	}
}
