// Package ecr brings an image to Amazon ECR: it logs in, makes sure that the
// repository is there, and pushes by digest. The same code serves AWS and the
// emulated target; only the endpoint that the login returns differs. Start at
// Push.
package ecr

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// API is the part of Amazon ECR that this package calls; *ecr.Client has it.
type API interface {
	GetAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput, opts ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error)
	DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput, opts ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error)
}

// Credentials open a registry. They print as their endpoint alone, whatever the
// verb, so that a log never holds the password.
type Credentials struct {
	// User is always "AWS" on Amazon ECR.
	User string
	// Password is the token; it lasts 12 hours.
	Password string
	// Endpoint is the registry's address with its scheme.
	Endpoint string
	// Expires is when the token ends; zero if ECR did not say.
	Expires time.Time
}

// String is the endpoint and the user, without the password.
func (c Credentials) String() string { return c.User + " at " + c.Endpoint }

// GoString is String, so that %#v is as safe as %v.
func (c Credentials) GoString() string { return c.String() }

// Format is String for every verb, so that none spells out the fields.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// Login asks ECR for credentials (API GetAuthorizationToken: the token is the
// base64 of "AWS:<password>").
func Login(ctx context.Context, api API) (Credentials, error) {
	out, err := api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return Credentials{}, fmt.Errorf("log in to ecr: %w; check the credentials and ecr:GetAuthorizationToken", err)
	}
	if len(out.AuthorizationData) == 0 {
		return Credentials{}, errors.New("log in to ecr: the answer holds no authorization data")
	}
	data := out.AuthorizationData[0]
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(aws.ToString(data.AuthorizationToken)))
	if err != nil {
		return Credentials{}, errors.New("log in to ecr: the token is not base64")
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok || user == "" || password == "" {
		return Credentials{}, errors.New("log in to ecr: the token is not of the form user:password")
	}
	endpoint := strings.TrimRight(aws.ToString(data.ProxyEndpoint), "/")
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Credentials{}, fmt.Errorf("log in to ecr: proxy endpoint %q is not an http or https address", endpoint)
	}
	return Credentials{
		User:     user,
		Password: strings.TrimSpace(password),
		Endpoint: endpoint,
		Expires:  aws.ToTime(data.ExpiresAt),
	}, nil
}

// ErrNoRepository is returned when the repository to push to is not there.
var ErrNoRepository = errors.New("repository does not exist")

// FindRepository finds a repository by name. It makes none: Terraform owns
// the repository, its scan setting and its lifecycle policy.
func FindRepository(ctx context.Context, api API, name string) (types.Repository, error) {
	out, err := api.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	var missing *types.RepositoryNotFoundException
	switch {
	case errors.As(err, &missing), err == nil && len(out.Repositories) == 0:
		return types.Repository{}, fmt.Errorf("ecr repository %s: %w; run apply first, it makes the repository", name, ErrNoRepository)
	case err != nil:
		return types.Repository{}, fmt.Errorf("look up ecr repository %s: %w", name, err)
	}
	return out.Repositories[0], nil
}
