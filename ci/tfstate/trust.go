package tfstate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Providers is what TrustGitHub asks of IAM.
type Providers interface {
	GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput, opts ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error)
	CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput, opts ...func(*iam.Options)) (*iam.CreateOpenIDConnectProviderOutput, error)
	AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput, opts ...func(*iam.Options)) (*iam.AddClientIDToOpenIDConnectProviderOutput, error)
}

const (
	// githubIssuer is who makes the tokens of GitHub's jobs, and audience whom they
	// are for (GitHub documentation, "Configuring OpenID Connect in Amazon Web
	// Services").
	githubIssuer = "token.actions.githubusercontent.com"
	audience     = "sts.amazonaws.com"
)

// TrustGitHub makes the account trust the identity tokens of GitHub's jobs, and says
// whether it did not before. An account has one such provider for all its environments,
// so that no configuration of one of them can own it. What a role takes of the tokens
// is the role's to say.
func TrustGitHub(ctx context.Context, api Providers, partition, account string) (made bool, err error) {
	arn := fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", partition, account, githubIssuer)
	there, err := api.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
	var missing *iamtypes.NoSuchEntityException
	switch {
	case errors.As(err, &missing):
		_, err = api.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
			Url: aws.String("https://" + githubIssuer), ClientIDList: []string{audience},
		})
		var other *iamtypes.EntityAlreadyExistsException
		if errors.As(err, &other) {
			return false, nil // somebody else was faster
		}
		if err != nil {
			return false, fmt.Errorf("make the identity provider of GitHub: %w", err)
		}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look for the identity provider of GitHub: %w", err)
	case slices.Contains(there.ClientIDList, audience):
		return false, nil
	}
	_, err = api.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{
		OpenIDConnectProviderArn: &arn, ClientID: aws.String(audience),
	})
	if err != nil {
		return false, fmt.Errorf("let the identity provider of GitHub take tokens for %s: %w", audience, err)
	}
	return true, nil
}
