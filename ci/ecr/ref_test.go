package ecr

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestParseRepository(t *testing.T) {
	t.Parallel()
	r, err := ParseRepository("111111111111.dkr.ecr.eu-central-1.amazonaws.com/team/api")
	if err != nil || r.Name != "team/api" {
		t.Fatalf("%v, %v", r, err)
	}
	if ref, err := r.WithDigest("sha256:" + strings.Repeat("a", 64)); err != nil || !strings.HasPrefix(ref, r.String()+"@sha256:aa") {
		t.Errorf("%q, %v", ref, err)
	}
	if _, err := r.WithDigest("sha256:short"); err == nil {
		t.Error("a short digest was taken")
	}
	for in, says := range map[string]string{
		"": "run apply first", "api": "no registry host", "h/api:latest": "tag or digest",
		"h/api@sha256:1": "tag or digest", "h/API": "not a repository name", "-h/api": "no registry host",
	} {
		if _, err := ParseRepository(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v does not say %q", in, err, says)
		}
	}
}

func FuzzParseRepository(f *testing.F) {
	f.Add("host.example/team/api")
	f.Add("h:99999/a..b")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRepository(s); err == nil && r.String() != s {
			t.Errorf("%q became %q", s, r)
		}
	})
}

func TestBranchTag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ branch, sha, want string }{
		{"main", "0a1b2c3", "main-0a1b2c3"},
		{"feature/x#1", "0a1b2c3", "feature-x-1-0a1b2c3"},
		{"", "0a1b2c3", "0a1b2c3"}, {"main", "", "main"}, {"", "", "unversioned"}, {"..", "", "unversioned"},
	} {
		if got := BranchTag(c.branch, c.sha); got != c.want {
			t.Errorf("%q at %q: %q, want %q", c.branch, c.sha, got, c.want)
		}
	}
	long := BranchTag(strings.Repeat("b", 300), strings.Repeat("a", 64))
	if len(long) > 128 || !strings.HasSuffix(long, "-"+strings.Repeat("a", 40)) {
		t.Errorf("%q", long)
	}
}

// fakeAPI answers with one token and one repository.
type fakeAPI struct {
	token, endpoint string
	repositories    []types.Repository
	err             error
}

func (f fakeAPI) GetAuthorizationToken(context.Context, *ecr.GetAuthorizationTokenInput, ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error) {
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{AuthorizationToken: &f.token, ProxyEndpoint: &f.endpoint}}}, f.err
}

func (f fakeAPI) DescribeRepositories(context.Context, *ecr.DescribeRepositoriesInput, ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error) {
	return &ecr.DescribeRepositoriesOutput{Repositories: f.repositories}, f.err
}

func TestLogin(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	c, err := Login(t.Context(), fakeAPI{token: encode("AWS:pass\n"), endpoint: "https://host/"})
	if err != nil || c.Password != "pass" || c.Endpoint != "https://host" {
		t.Errorf("%v, %v", c, err)
	}
	for _, f := range []fakeAPI{
		{token: "!", endpoint: "https://host"}, {token: encode("AWS"), endpoint: "https://host"},
		{token: encode("AWS:p"), endpoint: "host"}, {err: errors.New("denied")},
	} {
		if _, err := Login(t.Context(), f); err == nil || !strings.HasPrefix(err.Error(), "log in to ecr: ") {
			t.Errorf("%+v: error %v", f, err)
		}
	}
}

func TestFindRepository(t *testing.T) {
	t.Parallel()
	r, err := FindRepository(t.Context(), fakeAPI{repositories: []types.Repository{{RepositoryName: aws.String("api")}}}, "api")
	if err != nil || *r.RepositoryName != "api" {
		t.Errorf("%v, %v", r, err)
	}
	for _, f := range []fakeAPI{{}, {err: &types.RepositoryNotFoundException{}}} {
		if _, err := FindRepository(t.Context(), f, "api"); !errors.Is(err, ErrNoRepository) || !strings.Contains(err.Error(), "run apply first") {
			t.Errorf("error %v", err)
		}
	}
	if _, err := FindRepository(t.Context(), fakeAPI{err: errors.New("denied")}, "api"); errors.Is(err, ErrNoRepository) || err == nil {
		t.Errorf("error %v", err)
	}
}
