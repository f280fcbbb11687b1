package ecs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"
	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ownAccount is the account that the checks ask: its registry knows what is its own,
// and IAM knows roles by their whole ARN.
type ownAccount struct {
	world
	// paths are the paths of roles by name; one that is not in it has none.
	paths map[string]string
	// rolesDenied refuses to show roles.
	rolesDenied bool
	// missing are context values that the simulation lacks.
	missing []string
	// fails gives the error of an operation's nth call, hangs whether it hangs.
	fails map[string]func(n int) error
	hangs map[string]bool
	calls map[string]int
}

func (a *ownAccount) call(ctx context.Context, op string) error {
	a.calls[op]++
	if a.hangs[op] {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail := a.fails[op]; fail != nil {
		return fail(a.calls[op])
	}
	return nil
}

func (a *ownAccount) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	if err := a.call(ctx, "DescribeImages"); err != nil {
		return nil, err
	}
	if *in.RepositoryName != "api" {
		return nil, &ecrtypes.RepositoryNotFoundException{}
	}
	return a.world.DescribeImages(ctx, in)
}

func (a *ownAccount) GetRole(ctx context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	if err := a.call(ctx, "GetRole"); err != nil {
		return nil, err
	}
	if a.rolesDenied {
		return nil, rollouttest.APIError("AccessDenied")
	}
	out, err := a.world.GetRole(ctx, in)
	if out != nil && out.Role != nil {
		out.Role.Arn = aws.String("arn:aws:iam::111111111111:role" + a.paths[*in.RoleName] + "/" + *in.RoleName)
	}
	return out, err
}

func (a *ownAccount) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	if err := a.call(ctx, "SimulatePrincipalPolicy"); err != nil {
		return nil, err
	}
	name := rollout.ShortName(*in.PolicySourceArn)
	if *in.PolicySourceArn != "arn:aws:iam::111111111111:role"+a.paths[name]+"/"+name {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: []iamtypes.EvaluationResult{{
		EvalDecision: iamtypes.PolicyEvaluationDecisionType(a.decision), MissingContextValues: a.missing,
	}}}, nil
}

func (a *ownAccount) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if err := a.call(ctx, "DescribeLogGroups"); err != nil {
		return nil, err
	}
	return a.world.DescribeLogGroups(ctx, in)
}

// verifyScenario is a verification of a revision in an account.
type verifyScenario struct {
	name   string
	change func(*ownAccount, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier)
	want   rollout.Outcome
	// shown is a line of the tree.
	shown  string
	within float64
}

func verifyScenarios() []verifyScenario {
	sidecar := func(image string) func(*ownAccount, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier) {
		return func(_ *ownAccount, _ *types.Service, in *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: aws.String("proxy"), Image: &image})
		}
	}
	caller := func(arn string, change func(*ownAccount)) func(*ownAccount, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier) {
		return func(a *ownAccount, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, v *Verifier) {
			v.Caller = arn
			if change != nil {
				change(a)
			}
		}
	}
	account := func(change func(*ownAccount)) func(*ownAccount, *types.Service, *ecs.RegisterTaskDefinitionInput, *Verifier) {
		return func(a *ownAccount, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, _ *Verifier) { change(a) }
	}
	const sso = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice"
	const digest = "@sha256:1111111111111111111111111111111111111111111111111111111111111111"
	return []verifyScenario{
		{name: "Identity Center, whose role may be read", want: rollout.Completed, shown: "OK      passing the task role: allowed", change: caller(sso, func(a *ownAccount) {
			a.paths["AWSReservedSSO_Admin_0123456789abcdef"] = "/aws-reserved/sso.amazonaws.com/eu-central-1"
		})},
		{name: "Identity Center, whose role may not be read", want: rollout.Completed, shown: "SKIPPED passing the task role: the caller is AWSReservedSSO_Admin_0123456789abcdef of IAM Identity Center", change: caller(sso, func(a *ownAccount) {
			a.rolesDenied = true
		})},
		{name: "a role with a path that may not be read", want: rollout.Completed, shown: "SKIPPED passing the task role: IAM does not know arn:aws:iam::111111111111:role/deployer by that name", change: account(func(a *ownAccount) {
			a.rolesDenied, a.paths["deployer"] = true, "/teams/web"
		})},
		{name: "a role with a path that may be read", want: rollout.Completed, shown: "OK      passing the execution role: allowed", change: account(func(a *ownAccount) {
			a.paths["deployer"] = "/teams/web"
		})},
		{name: "a federated caller", want: rollout.Completed, shown: "SKIPPED passing the task role: the caller is not a role or user", change: caller("arn:aws:sts::111111111111:federated-user/bob", nil)},
		{name: "the policy depends on what is not known", want: rollout.Completed, shown: "SKIPPED passing the task role: the caller's policies depend on aws:PrincipalTag/team", change: account(func(a *ownAccount) {
			a.decision, a.missing = "implicitDeny", []string{"aws:PrincipalTag/team"}
		})},
		{name: "the role may not be passed", want: rollout.VerificationFailed, shown: "FAILED  passing the task role", change: account(func(a *ownAccount) { a.decision = "explicitDeny" })},
		{name: "a sidecar from another account", want: rollout.Completed, shown: "SKIPPED image 222222222222.dkr.ecr.eu-central-1.amazonaws.com/proxy" + digest + ": it is in the registry of account 222222222222", change: sidecar("222222222222.dkr.ecr.eu-central-1.amazonaws.com/proxy" + digest)},
		{name: "a sidecar from another region", want: rollout.Completed, shown: "it is in the registry in us-east-1", change: sidecar("111111111111.dkr.ecr.us-east-1.amazonaws.com/proxy" + digest)},
		{name: "a sidecar from another region, where it is not known which is ours", want: rollout.Completed, shown: "SKIPPED image in proxy: the registry that is asked has no such repository",
			change: func(a *ownAccount, svc *types.Service, in *ecs.RegisterTaskDefinitionInput, v *Verifier) {
				svc.ServiceArn, svc.LoadBalancers = nil, nil
				sidecar("111111111111.dkr.ecr.us-east-1.amazonaws.com/proxy"+digest)(a, svc, in, v)
				v.Gate = nil
			}},
		{name: "a sidecar from the public registry of AWS", want: rollout.Completed, shown: "it is in public.ecr.aws", change: sidecar("public.ecr.aws/nginx/nginx" + digest)},
		{name: "a sidecar from Docker Hub", want: rollout.Completed, shown: "it is in docker.io", change: sidecar("nginx" + digest)},
		{name: "a sidecar from GitHub by tag", want: rollout.Completed, shown: "it is in ghcr.io", change: sidecar("ghcr.io/owner/proxy:1.2")},
		{name: "a sidecar from our registry by tag", want: rollout.Completed, shown: "it is named by a tag", change: sidecar("111111111111.dkr.ecr.eu-central-1.amazonaws.com/proxy:1.2")},
		{name: "a sidecar that our registry does not have", want: rollout.VerificationFailed, shown: "FAILED  image in proxy", change: sidecar("111111111111.dkr.ecr.eu-central-1.amazonaws.com/proxy" + digest)},
		{name: "a log group of another region", want: rollout.Completed, shown: "SKIPPED log group /ecs/api: it is in us-east-1", change: func(a *ownAccount, _ *types.Service, in *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			a.groupMissing = true
			in.ContainerDefinitions[0].LogConfiguration.Options["awslogs-region"] = "us-east-1"
		}},
		{name: "throttled twice", want: rollout.Completed, shown: "OK      log group /ecs/api: exists", within: 10, change: account(func(a *ownAccount) {
			a.fails["DescribeLogGroups"] = rollouttest.Times(1, 2, "ThrottlingException")
		})},
		{name: "throttled for good", want: rollout.Completed, shown: "SKIPPED log group /ecs/api: cannot look", within: 10, change: account(func(a *ownAccount) {
			a.fails["DescribeLogGroups"] = rollouttest.Times(1, 99, "ThrottlingException")
		})},
		{name: "the registry hangs", want: rollout.Completed, shown: "SKIPPED image in api: cannot look: no answer within", within: 40, change: account(func(a *ownAccount) { a.hangs["DescribeImages"] = true })},
		{name: "IAM breaks the connection once", want: rollout.Completed, shown: "OK      task role task", within: 10, change: account(func(a *ownAccount) {
			a.fails["GetRole"] = lost(1, 1, errReset)
		})},
		{name: "a second target group whose port is in a range", want: rollout.Completed, shown: "OK      target api:8443", change: func(_ *ownAccount, svc *types.Service, in *ecs.RegisterTaskDefinitionInput, _ *Verifier) {
			svc.LoadBalancers = append(svc.LoadBalancers, types.LoadBalancer{ContainerName: aws.String("api"), ContainerPort: aws.Int32(8443), TargetGroupArn: aws.String("arn:tg2")})
			in.ContainerDefinitions[0].PortMappings = append(in.ContainerDefinitions[0].PortMappings, types.PortMapping{ContainerPortRange: aws.String("8440-8450")})
		}},
		{name: "the gate refuses", want: rollout.VerificationFailed, shown: "FAILED  scan of api: CVE-1", change: func(_ *ownAccount, _ *types.Service, _ *ecs.RegisterTaskDefinitionInput, v *Verifier) {
			v.Gate = func(context.Context, string, string) (string, error) { return "", errors.New("CVE-1") }
		}},
	}
}

func (s verifyScenario) run(t *testing.T) rollouttest.Observed {
	var o rollouttest.Observed
	synctest.Test(t, func(t *testing.T) {
		a := &ownAccount{
			world: world{trust: `%7B%22Service%22%3A%22ecs-tasks.amazonaws.com%22%7D`, decision: "allowed", targetType: "ip"},
			paths: map[string]string{}, fails: map[string]func(int) error{}, hangs: map[string]bool{}, calls: map[string]int{},
		}
		svc, in := revision()
		svc.ServiceArn = aws.String("arn:aws:ecs:eu-central-1:111111111111:service/c/api")
		v := Verifier{
			Images: a, Roles: a, LogGroups: a, TargetGroups: a, Caller: "arn:aws:sts::111111111111:assumed-role/deployer/session",
			Gate: func(context.Context, string, string) (string, error) { return "clean", nil },
		}
		s.change(a, &svc, in, &v)
		start := time.Now()
		report := verify.Run(t.Context(), "api", Checks(v, svc, in))
		o.Outcome, o.Err, o.Calls, o.Seconds = rollout.Completed, report.Err(), a.calls, time.Since(start).Seconds()
		if o.Err != nil {
			o.Outcome = rollout.VerificationFailed
			o.Err = &rollout.Error{Outcome: o.Outcome, Err: o.Err, Next: "mend it"}
		}
		for line := range strings.Lines(report.String()) {
			o.Said(0, line)
		}
	})
	return o
}

// TestVerifyScenarios plays verifications that must not refuse what would work.
func TestVerifyScenarios(t *testing.T) {
	var suite rollouttest.Suite
	for _, s := range verifyScenarios() {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "verify "+s.name, s.run(t), rollouttest.Expectation{Want: s.want, Shown: s.shown, Within: s.within})
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 22 || sums.Wrong > 0 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

// FuzzParseImage wants every reference to be taken apart without a panic, and one
// of Amazon ECR to give its parts back.
func FuzzParseImage(f *testing.F) {
	for _, reference := range []string{"", "nginx", "nginx:1@sha256:2", "ghcr.io/a/b:1", "localhost:5000/a", newDigest, "111111111111.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a", "a@b@c/d"} {
		f.Add(reference)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		im := parseImage(reference)
		if (im.registry != place{}) && !strings.HasPrefix(reference, im.registry.account+".dkr.ecr") {
			t.Errorf("%q is in %+v", reference, im.registry)
		}
		if why := im.unasked(place{}); why == "" && !strings.HasPrefix(reference, im.host+"/"+im.repository+"@") {
			t.Errorf("%q is asked for as %+v", reference, im)
		}
	})
}

// FuzzPrincipalOf wants every caller's ARN to be read without a panic, and a
// session's role to be named in what is asked for.
func FuzzPrincipalOf(f *testing.F) {
	for _, arn := range []string{"", "arn:aws:iam::1:root", "arn:aws:sts::1:assumed-role/deployer/s", "arn:aws:sts::1:assumed-role/", "arn:aws:iam::1:user/a/b", "a:b:c:d:e:role/x"} {
		f.Add(arn)
	}
	f.Fuzz(func(t *testing.T, caller string) {
		arn, role, ok := principalOf(caller)
		if ok != (arn != "") || role != "" && !strings.HasSuffix(arn, ":role/"+role) {
			t.Errorf("%q is %q, role %q, %t", caller, arn, role, ok)
		}
	})
}
