package tfstate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// providers is an account's identity provider.
type providers struct {
	arn     string
	clients []string
	// faster tells that somebody else makes it between the two calls.
	faster bool
}

func (p *providers) GetOpenIDConnectProvider(_ context.Context, in *iam.GetOpenIDConnectProviderInput, _ ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error) {
	if p.clients == nil || *in.OpenIDConnectProviderArn != p.arn {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &iam.GetOpenIDConnectProviderOutput{ClientIDList: p.clients}, nil
}

func (p *providers) CreateOpenIDConnectProvider(_ context.Context, in *iam.CreateOpenIDConnectProviderInput, _ ...func(*iam.Options)) (*iam.CreateOpenIDConnectProviderOutput, error) {
	if p.faster {
		return nil, &iamtypes.EntityAlreadyExistsException{}
	}
	if *in.Url != "https://token.actions.githubusercontent.com" {
		return nil, errors.New(*in.Url)
	}
	p.clients = in.ClientIDList
	return &iam.CreateOpenIDConnectProviderOutput{}, nil
}

func (p *providers) AddClientIDToOpenIDConnectProvider(_ context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput, _ ...func(*iam.Options)) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	p.clients = append(p.clients, *in.ClientID)
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
}

func TestTrustGitHub(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws-us-gov:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
	for name, c := range map[string]struct {
		there *providers
		made  bool
	}{
		"none":             {&providers{arn: arn}, true},
		"there":            {&providers{arn: arn, clients: []string{"sts.amazonaws.com"}}, false},
		"for others alone": {&providers{arn: arn, clients: []string{"other"}}, true},
		"made meanwhile":   {&providers{arn: arn, faster: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := TrustGitHub(t.Context(), c.there, "aws-us-gov", "111122223333")
			if err != nil || made != c.made || !c.there.faster && !slices.Contains(c.there.clients, "sts.amazonaws.com") {
				t.Errorf("made %t, %v; clients %v", made, err, c.there.clients)
			}
		})
	}
}

// shelf keeps objects by key.
type shelf map[string][]byte

func (s shelf) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	raw, ok := s[*in.Key]
	if !ok {
		return nil, &s3types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(raw))}, nil
}

func (s shelf) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	raw, err := io.ReadAll(in.Body)
	s[*in.Key] = raw
	return &s3.PutObjectOutput{}, err
}

func TestApplied(t *testing.T) {
	t.Parallel()
	s, place := shelf{}, Locate("sensor", "dev", "111122223333", "eu-central-1").Setup()
	if place.Key != "setup/dev/terraform.tfstate" {
		t.Errorf("the state is at %s", place.Key)
	}
	if was, err := Applied(t.Context(), s, place); was != nil || err != nil {
		t.Errorf("%q, %v", was, err)
	}
	if err := NoteApplied(t.Context(), s, place, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if was, err := Applied(t.Context(), s, place); string(was) != "x" || err != nil || s["setup/dev/applied"] == nil {
		t.Errorf("%q, %v, in %v", was, err, s)
	}
}
