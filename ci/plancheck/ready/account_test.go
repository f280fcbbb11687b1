package ready

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// account is an AWS account of made-up answers.
type account struct {
	// quotas are its own values by code, usual AWS's defaults.
	quotas, usual       map[string]float64
	addresses, networks int
	all, free           int32
	refuse              error
	// decisions are what a simulation answers by action; allowed without one.
	decisions map[string]iamtypes.EvaluationResult
	asked     []string
	roles     []iamtypes.Role
	clients   []string
	trust     string
}

func (a *account) GetServiceQuota(_ context.Context, in *servicequotas.GetServiceQuotaInput, _ ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error) {
	if value, ok := a.quotas[*in.QuotaCode]; ok && a.refuse == nil {
		return &servicequotas.GetServiceQuotaOutput{Quota: &quotatypes.ServiceQuota{Value: &value}}, nil
	}
	if a.refuse != nil {
		return nil, a.refuse
	}
	return nil, &quotatypes.NoSuchResourceException{}
}

func (a *account) GetAWSDefaultServiceQuota(_ context.Context, in *servicequotas.GetAWSDefaultServiceQuotaInput, _ ...func(*servicequotas.Options)) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error) {
	value := a.usual[*in.QuotaCode]
	return &servicequotas.GetAWSDefaultServiceQuotaOutput{Quota: &quotatypes.ServiceQuota{Value: &value}}, nil
}

func (a *account) Addresses(context.Context) (int, error) { return a.addresses, a.refuse }

func (a *account) VPCs(context.Context) (int, error) { return a.networks, a.refuse }

func (a *account) GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	return &lambda.GetAccountSettingsOutput{AccountLimit: &lambdatypes.AccountLimit{ConcurrentExecutions: a.all, UnreservedConcurrentExecutions: &a.free}}, a.refuse
}

func (a *account) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	a.asked = append(a.asked, *in.PolicySourceArn)
	result, ok := a.decisions[in.ActionNames[0]]
	if !ok {
		result.EvalDecision = iamtypes.PolicyEvaluationDecisionTypeAllowed
	}
	result.EvalActionName = &in.ActionNames[0]
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: []iamtypes.EvaluationResult{result}}, a.refuse
}

func (a *account) ListRoles(context.Context, *iam.ListRolesInput, ...func(*iam.Options)) (*iam.ListRolesOutput, error) {
	return &iam.ListRolesOutput{Roles: a.roles}, a.refuse
}

func (a *account) GetOpenIDConnectProvider(context.Context, *iam.GetOpenIDConnectProviderInput, ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error) {
	return &iam.GetOpenIDConnectProviderOutput{ClientIDList: a.clients}, a.refuse
}

func (a *account) GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	return &iam.GetRoleOutput{Role: &iamtypes.Role{AssumeRolePolicyDocument: aws.String(url.PathEscape(a.trust))}}, a.refuse
}

// TestNewAccount holds a prod of 12 tasks against an account as AWS opens it.
func TestNewAccount(t *testing.T) {
	t.Parallel()
	a := &account{
		usual:     map[string]float64{fargateOnDemand.code: 6, fargateSpot.code: 6, addresses.code: 5, networks.code: 5},
		addresses: 4, networks: 5, all: 10, free: 10,
	}
	n := Needs{OnDemand: 8, Spot: 4, Addresses: 2, Networks: 1, Reserved: 10}
	want := []struct {
		state State
		text  string
	}{
		{Failed, "--quota-code L-3032A538 --desired-value 8"},
		{OK, "4 more wanted"},
		{Failed, "--quota-code L-0263D0A3 --desired-value 6"},
		{Failed, "--quota-code L-F678F1CE --desired-value 6"},
		{Failed, "processor_concurrency = -1"},
	}
	for i, check := range Quotas(a, a, a, n, true) {
		expect(t, one(t, check), want[i].state, want[i].text)
	}
	// What is there already wants no more addresses and networks, and its concurrency is reserved.
	for i, check := range Quotas(a, a, a, n, false)[2:] {
		expect(t, one(t, check), []State{Skipped, Skipped, OK}[i], "")
	}
	a.quotas = map[string]float64{fargateOnDemand.code: 100}
	expect(t, one(t, Quotas(a, a, a, n, true)[0]), OK, "of 100")
	a.refuse = refusal("AccessDeniedException", "not authorized to perform: servicequotas:GetServiceQuota")
	expect(t, one(t, Quotas(a, a, a, n, true)[0]), Skipped, "servicequotas:GetServiceQuota")
}

var deployer = Caller{Account: "111122223333", Partition: "aws", Region: "eu-central-1", ARN: "arn:aws:sts::111122223333:assumed-role/deploy/run"}

func TestRights(t *testing.T) {
	t.Parallel()
	acts := Acts(deployer, Place{Bucket: "b", Key: "k", Table: "t"}, Needs{Names: Names{Repositories: []string{"api"}, Functions: []string{"f"}}})
	a := &account{}
	expect(t, one(t, Rights(a, deployer, acts)), OK, "arn:aws:iam::111122223333:role/deploy may do")
	a.decisions = map[string]iamtypes.EvaluationResult{
		"dynamodb:UpdateItem": {EvalDecision: iamtypes.PolicyEvaluationDecisionTypeImplicitDeny, MissingContextValues: []string{"dynamodb:LeadingKeys"}},
	}
	expect(t, one(t, Rights(a, deployer, acts)), OK, "not judged, because a condition decides: dynamodb:UpdateItem")
	a.decisions["ecr:PutImage"] = iamtypes.EvaluationResult{EvalDecision: iamtypes.PolicyEvaluationDecisionTypeImplicitDeny}
	expect(t, one(t, Rights(a, deployer, acts)), Failed, "ecr:PutImage on arn:aws:ecr:eu-central-1:111122223333:repository/api (implicitDeny)")
	a.asked = nil
	root := deployer
	root.ARN = "arn:aws:iam::111122223333:root"
	expect(t, one(t, Rights(a, root, acts)), Skipped, "root")
	if len(a.asked) != 0 {
		t.Error("the rights of the root user cannot be simulated")
	}
	user := deployer
	user.ARN = "arn:aws:iam::111122223333:user/ada"
	_ = one(t, Rights(a, user, acts))
	if a.asked[0] != user.ARN {
		t.Errorf("asked about %s", a.asked[0])
	}
}

func TestLinkedRoles(t *testing.T) {
	t.Parallel()
	a := &account{roles: []iamtypes.Role{{RoleName: aws.String("task"), Path: aws.String("/")}}}
	check := LinkedRoles(a, []string{"ecs.amazonaws.com"})[0]
	expect(t, one(t, check), Failed, "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com")
	a.roles = append(a.roles, iamtypes.Role{RoleName: aws.String("AWSServiceRoleForECS"), Path: aws.String("/aws-service-role/ecs.amazonaws.com/")})
	expect(t, one(t, check), OK, "AWSServiceRoleForECS")
}

func TestTrust(t *testing.T) {
	t.Parallel()
	s := Subject{Repository: "owner/name", Environment: "prod"}
	newer := Subject{Repository: "owner/name", Environment: "prod", OwnerID: "12", RepositoryID: "345"}
	trusting := func(condition string) string {
		return `{"Statement":[{"Effect":"Allow","Condition":` + condition + `}]}`
	}
	exact := trusting(`{"StringEquals":{"token.actions.githubusercontent.com:sub":["repo:owner/name:environment:prod"],"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`)
	for name, c := range map[string]struct {
		trust string
		s     Subject
		state State
		text  string
	}{
		"by name":            {exact, s, OK, "repo:owner/name:environment:prod"},
		"by ids, not known":  {exact, newer, Failed, "a token of the workflow says repo:owner@12/name@345:environment:prod"},
		"a pattern":          {trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:owner/*:environment:pro?"}}`), s, OK, ""},
		"equals is no match": {trusting(`{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:owner/*"}}`), s, Failed, "owner"},
		"somebody else":      {trusting(`{"StringEquals":{"accounts.google.com:sub":"repo:owner/name:environment:prod"}}`), s, Failed, ""},
		"a denial":           {strings.Replace(exact, "Allow", "Deny", 1), s, Failed, ""},
		"no JSON":            {"%7B", s, Failed, "trust policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &account{trust: c.trust, clients: []string{"sts.amazonaws.com"}}
			checks := Trust(a, deployer, "ci-deploy", c.s)
			expect(t, one(t, checks[0]), OK, "oidc-provider/token.actions.githubusercontent.com")
			expect(t, one(t, checks[1]), c.state, c.text)
		})
	}
	missing := Trust(&account{refuse: refusal("NoSuchEntity", "none")}, deployer, "ci-deploy", s)
	expect(t, one(t, missing[0]), Failed, "create-open-id-connect-provider")
	expect(t, one(t, missing[1]), Failed, "there is no role ci-deploy")
	expect(t, one(t, Trust(&account{clients: []string{"other"}}, deployer, "r", s)[0]), Failed, "add-client-id")
	for _, check := range Trust(&account{}, deployer, "r", Subject{}) {
		expect(t, one(t, check), Skipped, "--github-repository")
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"*", "", true}, {"a*c", "abbc", true}, {"a*c", "ab", false}, {"a?c", "ac", false}, {"a?c", "abc", true},
		{`a\*`, "a*", true}, {`a\*`, "ab", false}, {`a\`, `a\`, true}, {"a", "", false}, {"**b", "ab", true},
	} {
		if got := like(c.pattern, c.text); got != c.want {
			t.Errorf("%q, %q: %t", c.pattern, c.text, got)
		}
	}
}

// forbidden is the answer to HEAD for a bucket of another account, which has no body.
func forbidden() error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: refusal("Forbidden", "Forbidden"),
	}}
}
