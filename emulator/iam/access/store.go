package access

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
)

// store reads what decides from moto, and keeps it until a request that passes
// changes it.
type store struct {
	moto Moto

	mu    sync.Mutex
	kept  map[string]any // by service and what it is
	epoch int            // grows when something is forgotten
}

func newStore(moto Moto) *store { return &store{moto: moto, kept: map[string]any{}} }

// forget drops what is kept of a service.
func (s *store) forget(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	for key := range s.kept {
		if strings.HasPrefix(key, service+" ") {
			delete(s.kept, key)
		}
	}
}

// keep gives what is kept under a service and name, or reads it. What was read
// while something was forgotten is not kept: it may be of before.
func keep[T any](s *store, service, name string, read func() (T, error)) (T, error) {
	key := service + " " + name
	s.mu.Lock()
	found, ok := s.kept[key].(T)
	epoch := s.epoch
	s.mu.Unlock()
	if ok {
		return found, nil
	}
	found, err := read()
	if err != nil {
		return found, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.kept[key] = found
	}
	return found, nil
}

// role is a role with all that is attached to it.
type role struct {
	arn, id    string
	maxSession time.Duration
	trust      *iam.Policy
	identity   []iam.Policy
	boundary   *iam.Policy
	// boundaryARN is what iam:PermissionsBoundary says of it.
	boundaryARN string
}

// role reads a role by its ARN.
func (s *store) role(ctx context.Context, arn string) (*role, error) {
	return keep(s, "iam", "role "+arn, func() (*role, error) {
		r, err := s.readRole(ctx, arn)
		if err != nil {
			return nil, fmt.Errorf("read the role %s: %w", arn, err)
		}
		return r, nil
	})
}

// iamAnswer is what is read of any answer of IAM.
type iamAnswer struct {
	Role struct {
		ARN        string `xml:"Arn"`
		ID         string `xml:"RoleId"`
		Trust      string `xml:"AssumeRolePolicyDocument"`
		MaxSession int    `xml:"MaxSessionDuration"`
		Boundary   string `xml:"PermissionsBoundary>PermissionsBoundaryArn"`
	} `xml:"GetRoleResult>Role"`
	Inline   []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	Document string   `xml:"GetRolePolicyResult>PolicyDocument"`
	Attached []string `xml:"ListAttachedRolePoliciesResult>AttachedPolicies>member>PolicyArn"`
	Default  string   `xml:"GetPolicyResult>Policy>DefaultVersionId"`
	Version  string   `xml:"GetPolicyVersionResult>PolicyVersion>Document"`
	Clients  []string `xml:"GetOpenIDConnectProviderResult>ClientIDList>member"`
	URL      string   `xml:"GetOpenIDConnectProviderResult>Url"`
}

func (s *store) ask(ctx context.Context, action string, parameters ...string) (iamAnswer, error) {
	values := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	var out iamAnswer
	raw, err := s.moto.Form(ctx, "iam", awsapi.DefaultRegion, values)
	if err != nil {
		return out, err
	}
	if err := xml.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("%s: read the answer: %w", action, err)
	}
	return out, nil
}

func (s *store) readRole(ctx context.Context, arn string) (*role, error) {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	out, err := s.ask(ctx, "GetRole", "RoleName", name)
	if err != nil {
		return nil, err
	}
	if out.Role.ARN != arn {
		return nil, awsapi.Errorf("NoSuchEntity", "the role %s is %s", name, out.Role.ARN)
	}
	r := &role{arn: arn, id: out.Role.ID, maxSession: time.Duration(max(out.Role.MaxSession, 3600)) * time.Second, boundaryARN: out.Role.Boundary}
	trust, err := parse(iam.TrustPolicy, arn, out.Role.Trust)
	if err != nil {
		return nil, err
	}
	r.trust = &trust
	inline, err := s.ask(ctx, "ListRolePolicies", "RoleName", name)
	if err != nil {
		return nil, err
	}
	for _, policy := range inline.Inline {
		found, err := s.ask(ctx, "GetRolePolicy", "RoleName", name, "PolicyName", policy)
		if err != nil {
			return nil, err
		}
		p, err := parse(iam.IdentityPolicy, policy+" of "+arn, found.Document)
		if err != nil {
			return nil, err
		}
		r.identity = append(r.identity, p)
	}
	attached, err := s.ask(ctx, "ListAttachedRolePolicies", "RoleName", name)
	if err != nil {
		return nil, err
	}
	for _, policy := range attached.Attached {
		p, err := s.managed(ctx, iam.IdentityPolicy, policy)
		if err != nil {
			return nil, err
		}
		r.identity = append(r.identity, p)
	}
	if r.boundaryARN != "" {
		p, err := s.managed(ctx, iam.PermissionsBoundary, r.boundaryARN)
		if err != nil {
			return nil, err
		}
		r.boundary = &p
	}
	return r, nil
}

// managed reads the version of a managed policy that is in force.
func (s *store) managed(ctx context.Context, kind iam.Kind, arn string) (iam.Policy, error) {
	found, err := s.ask(ctx, "GetPolicy", "PolicyArn", arn)
	if err != nil {
		return iam.Policy{}, err
	}
	version, err := s.ask(ctx, "GetPolicyVersion", "PolicyArn", arn, "VersionId", found.Default)
	if err != nil {
		return iam.Policy{}, err
	}
	return parse(kind, arn, version.Version)
}

// parse reads a document as IAM's API gives it, encoded as in an address.
func parse(kind iam.Kind, name, document string) (iam.Policy, error) {
	if strings.HasPrefix(document, "%") {
		plain, err := url.PathUnescape(document)
		if err != nil {
			return iam.Policy{}, fmt.Errorf("read the policy %s: %w", name, err)
		}
		document = plain
	}
	return iam.Parse(kind, name, []byte(document))
}

// provider is the identity provider of GitHub Actions.
type provider struct {
	arn     string
	clients []string
}

// provider finds the identity provider of an issuer; nil if the account has none.
func (s *store) provider(ctx context.Context, host string) (*provider, error) {
	arn := "arn:aws:iam::" + awsapi.DefaultAccount + ":oidc-provider/" + host
	out, err := s.ask(ctx, "GetOpenIDConnectProvider", "OpenIDConnectProviderArn", arn)
	if notThere(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &provider{arn: arn, clients: out.Clients}, nil
}

// notThere says whether moto answered that there is no such thing.
func notThere(err error) bool {
	if err == nil {
		return false
	}
	for _, code := range [...]string{
		"NoSuchEntity", "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchKey", "ServerSideEncryptionConfigurationNotFoundError", "NotFound",
		"NotFoundException", "ResourceNotFoundException", "QueueDoesNotExist", "NonExistentQueue", "RepositoryNotFoundException",
		"RepositoryPolicyNotFoundException", "ParameterNotFound", "NoSuchTagSet", "ClusterNotFoundException", "HTTP404",
	} {
		if awsapi.IsCode(err, code) || strings.Contains(err.Error(), "<Code>"+code+"</Code>") {
			return true
		}
	}
	return false
}

// isKey says whether an ARN is of a key, whose own policy has to allow as well.
func isKey(arn string) bool {
	return strings.HasPrefix(arn, "arn:aws:kms:") && strings.Contains(arn, ":key/") && !strings.HasSuffix(arn, "/*")
}

// resourcePolicy reads the policy of a resource; nil if it has none.
func (s *store) resourcePolicy(ctx context.Context, arn string) (*iam.Policy, error) {
	const parts = 6
	fields := strings.SplitN(arn, ":", parts)
	if len(fields) < parts || strings.HasSuffix(arn, "*") {
		return nil, nil
	}
	service, region, name := fields[2], fields[3], fields[5]
	switch {
	case service == "s3":
		name, _, _ = strings.Cut(name, "/")
	case service == "iam" && strings.HasPrefix(name, "role/"):
		// A role's trust decides only who takes it, which is not asked here.
		return nil, nil
	case service == "kms" && !isKey(arn):
		return nil, nil
	}
	return keep(s, service, "policy "+region+" "+name, func() (*iam.Policy, error) {
		document, err := s.policyOf(ctx, service, region, name, arn)
		if notThere(err) || err == nil && document == "" {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the policy of %s: %w", arn, err)
		}
		policy, err := parse(iam.ResourcePolicy, arn, document)
		if err != nil {
			return nil, err
		}
		return &policy, nil
	})
}

// policyOf asks a service for the document of a resource.
func (s *store) policyOf(ctx context.Context, service, region, name, arn string) (string, error) {
	switch service {
	case "s3":
		raw, err := s.moto.Get(ctx, "s3", awsapi.DefaultRegion, "/"+url.PathEscape(name)+"?policy")
		return string(raw), err
	case "kms":
		var out struct{ Policy string }
		err := s.moto.JSON(ctx, region, "TrentService.GetKeyPolicy", map[string]string{"KeyId": arn, "PolicyName": "default"}, &out)
		return out.Policy, err
	case "lambda":
		path := strings.Split(name, ":")
		if len(path) < 2 || path[0] != "function" {
			return "", nil
		}
		address := "/2015-03-31/functions/" + url.PathEscape(path[1]) + "/policy"
		if len(path) > 2 {
			address += "?Qualifier=" + url.QueryEscape(path[2])
		}
		var out struct{ Policy string }
		err := s.moto.REST(ctx, http.MethodGet, "lambda", region, address, nil, &out)
		return out.Policy, err
	case "sns":
		attributes, err := s.topic(ctx, region, arn)
		return attributes["Policy"], err
	case "sqs":
		attributes, err := s.queue(ctx, region, name)
		return attributes["Policy"], err
	}
	return "", nil
}

// topic reads a topic's attributes.
func (s *store) topic(ctx context.Context, region, arn string) (map[string]string, error) {
	raw, err := s.moto.Form(ctx, "sns", region, url.Values{"Action": {"GetTopicAttributes"}, "Version": {"2010-03-31"}, "TopicArn": {arn}})
	if err != nil {
		return nil, err
	}
	var out struct {
		Entries []struct {
			Key   string `xml:"key"`
			Value string `xml:"value"`
		} `xml:"GetTopicAttributesResult>Attributes>entry"`
	}
	if err := xml.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read the attributes of %s: %w", arn, err)
	}
	attributes := map[string]string{}
	for _, e := range out.Entries {
		attributes[e.Key] = e.Value
	}
	return attributes, nil
}

// queue reads a queue's attributes.
func (s *store) queue(ctx context.Context, region, name string) (map[string]string, error) {
	var out struct{ Attributes map[string]string }
	err := s.moto.JSON(ctx, region, "AmazonSQS.GetQueueAttributes", map[string]any{
		"QueueUrl": "http://localhost/" + awsapi.DefaultAccount + "/" + name, "AttributeNames": []string{"All"},
	}, &out)
	return out.Attributes, err
}
