package ready

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// SimulateAPI asks IAM whether a principal may do something, without doing it.
type SimulateAPI interface {
	SimulatePrincipalPolicy(context.Context, *iam.SimulatePrincipalPolicyInput, ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error)
}

// Act is one thing that a deploy has to be allowed.
type Act struct {
	Action, Resource string
}

// Caller is who asks.
type Caller struct {
	// Account is the account's number, Partition its part of AWS (aws, aws-cn).
	Account, Partition, Region string
	// ARN is the identity's.
	ARN string
}

// Principal is the user or role whose policies decide: of a session it is the role.
// The path of a role is not in a session's name; path leads from /.
func (c Caller) Principal(path string) string {
	rest, session := strings.CutPrefix(c.ARN, "arn:"+c.Partition+":sts::"+c.Account+":assumed-role/")
	if !session {
		return c.ARN
	}
	name, _, _ := strings.Cut(rest, "/")
	return "arn:" + c.Partition + ":iam::" + c.Account + ":role" + path + name
}

// named is an ARN in the caller's account and region.
func (c Caller) named(service, rest string) string {
	return strings.Join([]string{"arn", c.Partition, service, c.Region, c.Account, rest}, ":")
}

// Acts are what each run does: it records what is deployed, pushes an image, rolls
// out both halves and passes their roles.
func Acts(c Caller, p Place, n Needs) []Act {
	always := []Act{
		{"s3:GetObject", "arn:" + c.Partition + ":s3:::" + p.Bucket + "/" + p.Key},
		{"dynamodb:PutItem", c.named("dynamodb", "table/"+p.Table)},
		{"dynamodb:UpdateItem", c.named("dynamodb", "table/"+p.Table)},
		{"ecr:GetAuthorizationToken", "*"},
		{"ecs:RegisterTaskDefinition", "*"},
	}
	acts := make([]Act, 0, len(always)+len(n.Names.Repositories)+2*len(n.Names.Functions))
	acts = append(acts, always...)
	for _, name := range n.Names.Repositories {
		acts = append(acts, Act{"ecr:PutImage", c.named("ecr", "repository/"+name)})
	}
	for _, name := range n.Names.Functions {
		acts = append(acts, Act{"lambda:UpdateFunctionCode", c.named("lambda", "function:"+name)},
			Act{"lambda:PublishVersion", c.named("lambda", "function:"+name)})
	}
	return acts
}

// Rights checks by simulation whether the caller may do each act. A condition on a key
// of the request is not known to the simulation: what hangs on one is not judged.
func Rights(api SimulateAPI, c Caller, acts []Act) Check {
	const name = "rights"
	return Check{Name: name, Look: func(ctx context.Context) ([]Line, error) {
		principal := c.Principal("/")
		if strings.HasSuffix(principal, ":root") {
			return []Line{{Check: name, State: Skipped, Detail: "the account's root user may do everything; deploy by a role instead"}}, nil
		}
		var refused, open []string
		for _, act := range acts {
			out, err := api.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
				PolicySourceArn: &principal, ActionNames: []string{act.Action}, ResourceArns: []string{act.Resource},
			})
			if err != nil {
				return nil, err
			}
			for _, result := range out.EvaluationResults {
				switch {
				case result.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
				case len(result.MissingContextValues) > 0:
					open = append(open, act.Action)
				default:
					refused = append(refused, fmt.Sprintf("%s on %s (%s)", aws.ToString(result.EvalActionName), act.Resource, result.EvalDecision))
				}
			}
		}
		if len(refused) > 0 {
			return []Line{{
				Check: name, State: Failed, Detail: principal + " may not " + strings.Join(refused, ", "),
				Remedy: "use the role that setup-backend or the first apply made, PROJECT-ENVIRONMENT-REGION-ci-deploy, or attach its policies",
			}}, nil
		}
		detail := fmt.Sprintf("%s may do what a deploy does (%d actions simulated)", principal, len(acts)-len(open))
		if len(open) > 0 {
			detail += "; not judged, because a condition decides: " + strings.Join(open, ", ")
		}
		return []Line{{Check: name, State: OK, Detail: detail}}, nil
	}}
}
