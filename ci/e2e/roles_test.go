//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// rolePrefix begins the names of the environment's roles.
const rolePrefix = "sensor-backend-dev-us-east-1-"

// needed are grants without which a stage fails. Each is taken away on its own.
var needed = []struct{ role, stage, action string }{
	{"ci-apply", "infra", "ec2:CreateVpc"},
	{"ci-apply", "infra", "iam:CreateRole"},
	{"ci-apply", "infra", "iam:PassRole"},
	{"ci-apply", "infra", "kms:CreateKey"},
	{"ci-apply", "infra", "s3:PutBucketPolicy"},
	{"ci-apply", "infra", "dynamodb:CreateTable"},
	{"ci-apply", "infra", "elasticloadbalancing:CreateListener"},
	{"ci-apply", "infra", "ecs:CreateService"},
	{"ci-apply", "infra", "lambda:AddPermission"},
	{"ci-apply", "infra", "cloudwatch:PutMetricAlarm"},
	{"ci-deploy", "build", "ecr:PutImage"},
	{"ci-deploy", "ecs", "ecs:RegisterTaskDefinition"},
	{"ci-deploy", "ecs", "ecs:UpdateService"},
	{"ci-deploy", "ecs", "iam:PassRole"},
	{"ci-deploy", "ecs", "dynamodb:PutItem"},
	{"ci-deploy", "lambda", "lambda:UpdateFunctionCode"},
	{"ci-deploy", "lambda", "lambda:UpdateAlias"},
	{"ci-deploy", "notify", "ssm:PutParameter"},
	{"ci-deploy", "smoke", "sqs:ReceiveMessage"},
	{"execution", "ecs", "ecr:BatchGetImage"},
	{"processor", "smoke", "s3:PutObject"},
}

// rolesAreNeeded looks at what the roles did so far: nothing was denied, and with any
// of the grants gone AWS's sentence names what was missing.
func (w world) rolesAreNeeded(t *testing.T) {
	t.Helper()
	t.Log("permissions:\n" + w.succeeds(t, "permissions"))
	api := iam.NewFromConfig(w.config)
	if refused := w.replay(t); len(refused) > 0 {
		t.Fatalf("what was allowed would be refused with nothing changed: %+v", refused)
	}
	for _, grant := range needed {
		restore := w.without(t, api, rolePrefix+grant.role, grant.action)
		refused := w.replay(t)
		restore()
		named := slices.ContainsFunc(refused, func(r refusal) bool {
			return strings.HasSuffix(r.Role, "/"+rolePrefix+grant.role) && r.Action == grant.action &&
				strings.Contains(r.Message, "is not authorized to perform: "+grant.action+" on resource: ") &&
				strings.Contains(r.Message, "assumed-role/"+rolePrefix+grant.role+"/")
		})
		if !named {
			t.Errorf("stage %s does well without %s of the role %s: %d other refusals", grant.stage, grant.action, grant.role, len(refused))
		}
	}
}

// refusal is a request that would be refused now.
type refusal struct{ Role, Operation, Action, Resource, Message string }

// replay asks the emulated AWS what would be refused of all that was allowed.
func (w world) replay(t *testing.T) []refusal {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *w.config.BaseEndpoint+"/_emulator/iam/replay", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Decided int
		Refused []refusal
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Decided == 0 {
		t.Fatalf("replay decided about %d requests, %v", answer.Decided, err)
	}
	return answer.Refused
}

// without takes an action out of every policy of a role, and returns what puts it back.
func (w world) without(t *testing.T, api *iam.Client, role, action string) (restore func()) {
	t.Helper()
	ctx := t.Context()
	var undo []func() error
	attached, err := api.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range attached.AttachedPolicies {
		about, err := api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policy.PolicyArn})
		if err != nil {
			t.Fatal(err)
		}
		version, err := api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policy.PolicyArn, VersionId: about.Policy.DefaultVersionId})
		if err != nil {
			t.Fatal(err)
		}
		reduced, changed := removed(t, aws.ToString(version.PolicyVersion.Document), action)
		if !changed {
			continue
		}
		made, err := api.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: policy.PolicyArn, PolicyDocument: &reduced, SetAsDefault: true})
		if err != nil {
			t.Fatal(err)
		}
		undo = append(undo, func() error {
			if _, err := api.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: policy.PolicyArn, VersionId: about.Policy.DefaultVersionId}); err != nil {
				return err
			}
			_, err := api.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: policy.PolicyArn, VersionId: made.PolicyVersion.VersionId})
			return err
		})
	}
	inline, err := api.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range inline.PolicyNames {
		policy, err := api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		document, err := url.PathUnescape(aws.ToString(policy.PolicyDocument))
		if err != nil {
			t.Fatal(err)
		}
		reduced, changed := removed(t, document, action)
		if !changed {
			continue
		}
		put := func(text string) error {
			_, err := api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &text})
			return err
		}
		if err := put(reduced); err != nil {
			t.Fatal(err)
		}
		undo = append(undo, func() error { return put(document) })
	}
	if len(undo) == 0 {
		t.Errorf("no policy of %s grants %s by its name", role, action)
	}
	return func() {
		for _, put := range undo {
			if err := put(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// removed is a policy document without an action. A statement of no other goes.
func removed(t *testing.T, document, action string) (reduced string, changed bool) {
	t.Helper()
	text, err := url.PathUnescape(document)
	if err != nil {
		t.Fatal(err)
	}
	var policy map[string]any
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	statements, _ := policy["Statement"].([]any)
	var kept []any
	for _, one := range statements {
		statement, _ := one.(map[string]any)
		actions, isList := statement["Action"].([]any)
		if !isList {
			actions = []any{statement["Action"]}
		}
		rest := slices.DeleteFunc(slices.Clone(actions), func(a any) bool { return a == action })
		if len(rest) < len(actions) {
			changed = true
			statement["Action"] = rest
		}
		if len(rest) > 0 {
			kept = append(kept, statement)
		}
	}
	policy["Statement"] = kept
	raw, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), changed
}

// tokens gives identity tokens of a job of the environment.
type tokens struct {
	ctx  context.Context //nolint:containedctx // the SDK's interface has none
	base string
}

// GetIdentityToken asks the emulated AWS for a token.
func (g tokens) GetIdentityToken() ([]byte, error) {
	query := url.Values{
		"repository": {"example/sensor-backend"}, "environment": {"dev"}, "audience": {"sts.amazonaws.com"},
	}
	request, err := http.NewRequestWithContext(g.ctx, http.MethodGet, g.base+"/_emulator/oidc/token?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Value string }
	err = json.NewDecoder(response.Body).Decode(&answer)
	return []byte(answer.Value), err
}

// as is the world under a role of CI, taken by a token as an older repository's.
func (w world) as(t *testing.T, role string) aws.Config {
	t.Helper()
	config := w.config.Copy()
	arn := "arn:aws:iam::123456789012:role/" + rolePrefix + "ci-" + role
	config.Credentials = aws.NewCredentialsCache(stscreds.NewWebIdentityRoleProvider(
		sts.New(sts.Options{Region: config.Region, BaseEndpoint: config.BaseEndpoint}), arn, tokens{t.Context(), *config.BaseEndpoint},
	))
	return config
}

// rolesCannotEscape tries from CI's roles what would widen them. Each is refused, and
// by what is meant to refuse it.
func (w world) rolesCannotEscape(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	apply, deploy, plan := iam.NewFromConfig(w.as(t, "apply")), w.as(t, "deploy"), w.as(t, "plan")
	const (
		own    = rolePrefix + "ci-apply"
		policy = "arn:aws:iam::123456789012:policy/" + own
		limit  = "arn:aws:iam::123456789012:policy/" + rolePrefix + "boundary"
		anyone = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}]}`
	)
	lock := func(environment string) map[string]dynamotypes.AttributeValue {
		return map[string]dynamotypes.AttributeValue{"LockID": &dynamotypes.AttributeValueMemberS{Value: "deploy/sensor-backend-" + environment}}
	}
	state := aws.String("sensor-backend-tfstate-123456789012-us-east-1")
	for name, try := range map[string]func() error{
		"a role without the limit": func() error {
			_, err := apply.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(rolePrefix + "task"), AssumeRolePolicyDocument: aws.String(trust)})
			return err
		},
		"a role of another name": func() error {
			_, err := apply.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("free"), AssumeRolePolicyDocument: aws.String(trust), PermissionsBoundary: aws.String(limit)})
			return err
		},
		"more for itself, inline": func() error {
			_, err := apply.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(own), PolicyName: aws.String("more"), PolicyDocument: aws.String(anyone)})
			return err
		},
		"more for itself, attached": func() error {
			_, err := apply.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(own), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
			return err
		},
		"another version of its policy": func() error {
			_, err := apply.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: aws.String(policy), PolicyDocument: aws.String(anyone), SetAsDefault: true})
			return err
		},
		"a wider limit": func() error {
			_, err := apply.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: aws.String(limit), PolicyDocument: aws.String(anyone), SetAsDefault: true})
			return err
		},
		"no limit": func() error {
			_, err := apply.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String(rolePrefix + "task")})
			return err
		},
		"other trust": func() error {
			_, err := apply.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(own), PolicyDocument: aws.String(trust)})
			return err
		},
		"a user with keys": func() error {
			_, err := apply.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("free")})
			return err
		},
		"the state, by who only plans": func() error {
			_, err := s3.NewFromConfig(plan, func(o *s3.Options) { o.UsePathStyle = true }).PutObject(ctx, &s3.PutObjectInput{
				Bucket: state, Key: aws.String("dev/terraform.tfstate"), Body: strings.NewReader("{}"),
			})
			return err
		},
		"the state's end": func() error {
			_, err := s3.NewFromConfig(deploy, func(o *s3.Options) { o.UsePathStyle = true }).DeleteObject(ctx, &s3.DeleteObjectInput{
				Bucket: state, Key: aws.String("dev/terraform.tfstate"),
			})
			return err
		},
		"the roles' state": func() error {
			_, err := s3.NewFromConfig(w.as(t, "apply"), func(o *s3.Options) { o.UsePathStyle = true }).GetObject(ctx, &s3.GetObjectInput{
				Bucket: state, Key: aws.String("setup/dev/terraform.tfstate"),
			})
			return err
		},
		"the lock of another environment": func() error {
			_, err := dynamodb.NewFromConfig(deploy).DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(lockTable), Key: lock("prod")})
			return err
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: ") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}
