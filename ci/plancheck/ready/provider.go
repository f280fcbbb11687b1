package ready

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TrustAPI reads whom an account and a role trust.
type TrustAPI interface {
	GetOpenIDConnectProvider(context.Context, *iam.GetOpenIDConnectProviderInput, ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error)
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
}

const (
	issuer   = "token.actions.githubusercontent.com"
	audience = "sts.amazonaws.com"
)

// Subject is what a workflow's token calls itself (GitHub documentation, "OpenID
// Connect reference").
type Subject struct {
	// Repository is OWNER/NAME, Environment the GitHub environment of the job.
	Repository, Environment string
	// OwnerID and RepositoryID are GitHub's numbers, which the subject of a repository
	// that was made, renamed or transferred since 2026-07-15 holds; empty before.
	OwnerID, RepositoryID string
}

func (s Subject) String() string {
	repository := s.Repository
	if owner, name, ok := strings.Cut(repository, "/"); ok && s.OwnerID != "" {
		repository = owner + "@" + s.OwnerID + "/" + name + "@" + s.RepositoryID
	}
	return "repo:" + repository + ":environment:" + s.Environment
}

// Trust checks that the account knows GitHub's tokens and that a role takes those of a
// workflow. Without a repository nothing is looked at.
func Trust(api TrustAPI, c Caller, role string, s Subject) []Check {
	const provider, trust = "identity provider", "trust of the role"
	if s.Repository == "" {
		skip := func(name string) Check {
			return Check{Name: name, Look: func(context.Context) ([]Line, error) {
				return []Line{{Check: name, State: Skipped, Detail: "no GitHub repository is named, so that no workflow takes a role; name it with --github-repository"}}, nil
			}}
		}
		return []Check{skip(provider), skip(trust)}
	}
	return []Check{
		{Name: provider, Advice: true, Look: func(ctx context.Context) ([]Line, error) {
			arn := fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", c.Partition, c.Account, issuer)
			out, err := api.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
			switch {
			case missing(err):
				return []Line{{
					Check: provider, State: Failed, Detail: "the account has none for GitHub",
					Remedy: "set github_repository in the variable file and apply as an administrator; or: aws iam create-open-id-connect-provider --url https://" + issuer + " --client-id-list " + audience,
				}}, nil
			case err != nil:
				return nil, err
			case !slices.Contains(out.ClientIDList, audience):
				return []Line{{
					Check: provider, State: Failed, Detail: arn + " does not take tokens for " + audience,
					Remedy: "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn " + arn + " --client-id " + audience,
				}}, nil
			}
			return []Line{{Check: provider, State: OK, Detail: arn + " takes tokens for " + audience}}, nil
		}},
		{Name: trust, Advice: true, Look: func(ctx context.Context) ([]Line, error) {
			out, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
			switch {
			case missing(err):
				return []Line{{
					Check: trust, State: Failed, Detail: "there is no role " + role,
					Remedy: "set github_repository in the variable file and apply as an administrator",
				}}, nil
			case err != nil:
				return nil, err
			}
			trusted, err := subjects(aws.ToString(out.Role.AssumeRolePolicyDocument))
			if err != nil {
				return nil, fmt.Errorf("read the trust policy of %s: %w", role, err)
			}
			if !slices.ContainsFunc(trusted, func(pattern string) bool { return like(pattern, s.String()) }) {
				return []Line{{
					Check: trust, State: Failed, Detail: fmt.Sprintf("%s trusts %s; a token of the workflow says %s", role, strings.Join(trusted, ", "), s),
					Remedy: "set github_repository, github_owner_id and github_repository_id in the variable file as the token has them, and apply as an administrator",
				}}, nil
			}
			return []Line{{Check: trust, State: OK, Detail: role + " trusts " + s.String()}}, nil
		}},
	}
}

// subjects lists the subjects of GitHub's tokens that a trust policy takes, a pattern
// for each. The document is as IAM returns it: encoded for a URL (RFC 3986).
func subjects(document string) ([]string, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return nil, err
	}
	var policy struct {
		Statement []struct {
			Effect    string
			Condition map[string]map[string]oneOrMore
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return nil, err
	}
	var found []string
	for _, statement := range policy.Statement {
		for operator, keys := range statement.Condition {
			for key, values := range keys {
				if statement.Effect != "Allow" || key != issuer+":sub" {
					continue
				}
				for _, value := range values {
					if operator == "StringEquals" {
						value = strings.NewReplacer("*", `\*`, "?", `\?`).Replace(value)
					}
					found = append(found, value)
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// oneOrMore is a value of a policy document: a text, or a list of them.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(raw []byte) error {
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		*o = oneOrMore{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*o = list
	return nil
}

// like reports whether a text is as a pattern says, in which * stands for any
// characters, ? for one, and a backslash takes the next as it is (IAM User Guide,
// "String condition operators").
func like(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return like(pattern[1:], text) || text != "" && like(pattern, text[1:])
	case text == "":
		return false
	case pattern[0] == '?':
		return like(pattern[1:], text[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		return pattern[1] == text[0] && like(pattern[2:], text[1:])
	}
	return pattern[0] == text[0] && like(pattern[1:], text[1:])
}
