package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lock"
	"dagger/sensor-backend/login"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/target"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// cloud is the AWS that a call works on: a real account, or the emulated one.
// The stages see no more of the difference than is in here.
type cloud struct {
	// config makes the SDK's clients.
	config aws.Config
	// guard is the deploy lock while it is held: nothing is changed once it is lost.
	guard *atomic.Pointer[lock.Lock]
	// account is the account's twelve digits.
	account string
	// partition is the part of AWS that the account is in, such as aws.
	partition string
	// role is the environment's role that works on it; empty for the credentials given.
	role role
	// caller is the ARN of who works on it.
	caller string
	// emulator is the emulated AWS; nil for a real account.
	emulator *dagger.Service
	// moto is the version of the emulated AWS's moto; empty for a real account.
	moto string
	// bound is the emulated AWS's address in containers that it is bound to.
	bound string
	// prepared makes once what an administrator has made of an account; nil for a real
	// one.
	prepared func() error
}

// connect checks what the user gave, reaches the AWS it stands for, and says
// which it is. Call the returned function when done with it.
func (m *SensorBackend) connect(ctx context.Context) (*cloud, func(), error) {
	given, err := m.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	if given == nil {
		return m.connectEmulator(ctx)
	}
	if m.RunningEmulator != nil {
		return nil, nil, errors.New("both AWS credentials and --emulator are given: leave out one of them")
	}
	c := &cloud{config: aws.Config{Region: m.Region, Credentials: given}, guard: &atomic.Pointer[lock.Lock]{}}
	c.guardChanges()
	if err := c.identify(ctx); err != nil {
		return nil, nil, err
	}
	progress("target: AWS account %s, region %s, environment %s", c.account, m.Region, m.Environment)
	return c, func() {}, nil
}

// onCloud connects to the AWS at hand and lets work do what a verb is for. What it
// returns shows no secret, and an error has the exit code of its outcome.
func (m *SensorBackend) onCloud(ctx context.Context, work func(*cloud) (string, error)) (shown string, err error) {
	defer redactResult(&shown, &err)
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	shown, err = work(c)
	return shown, withExitCode(err)
}

// onCloudAs is onCloud for a verb on this environment, under one of its roles.
func (m *SensorBackend) onCloudAs(ctx context.Context, r role, work func(*cloud) (string, error)) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		c, err := m.as(ctx, c, r)
		if err != nil {
			return "", err
		}
		return work(c)
	})
}

// onDeployed is onCloud for a verb that works on what is deployed: it reads the
// infrastructure's outputs first.
func (m *SensorBackend) onDeployed(ctx context.Context, work func(*cloud, terraform.Outputs) (string, error)) (string, error) {
	return m.onCloudAs(ctx, deploying, func(c *cloud) (string, error) {
		out, err := m.readOutputs(ctx, c)
		if err != nil {
			return "", err
		}
		return work(c, out)
	})
}

// onSystem is onCloud for a verb that works on a system: the one that arguments
// name, or the one that Terraform made.
func (m *SensorBackend) onSystem(ctx context.Context, n named, work func(*cloud, system) (string, error)) (string, error) {
	if err := n.check(); err != nil {
		return "", err
	}
	return m.onCloudAs(ctx, n.role(), func(c *cloud) (string, error) {
		s, err := m.loadSystem(ctx, c, n)
		if err != nil {
			return "", err
		}
		return work(c, s)
	})
}

// onLockedSystem is onSystem for a verb that changes the system: it holds the
// deploy lock meanwhile.
func (m *SensorBackend) onLockedSystem(ctx context.Context, n named, work func(context.Context, *cloud, system) (string, error)) (string, error) {
	if err := n.check(); err != nil {
		return "", err
	}
	return m.onCloudAs(ctx, n.role(), func(c *cloud) (string, error) {
		held, err := m.acquireLock(ctx, c, n)
		if err != nil {
			return "", err
		}
		defer held.release(ctx, c)
		return held.during(ctx, func(ctx context.Context) (string, error) {
			s, err := m.loadSystem(ctx, c, n)
			if err != nil {
				return "", err
			}
			return work(ctx, c, s)
		})
	})
}

// onLocked is onCloud for a verb that changes the infrastructure: it holds the
// deploy lock meanwhile.
func (m *SensorBackend) onLocked(ctx context.Context, work func(context.Context, *cloud) (string, error)) (string, error) {
	return m.onCloudAs(ctx, applying, func(c *cloud) (string, error) {
		held, err := m.acquireLock(ctx, c, named{})
		if err != nil {
			return "", err
		}
		defer held.release(ctx, c)
		return held.during(ctx, func(ctx context.Context) (string, error) { return work(ctx, c) })
	})
}

// onAccount reports whether credentials for an AWS account are given.
func (m *SensorBackend) onAccount(ctx context.Context) (bool, error) {
	given, err := m.login(ctx)
	return given != nil, err
}

// login returns what gives the credentials of the AWS account, or nil if none are
// given: the keys, or those of a role, which are renewed before they end.
func (m *SensorBackend) login(ctx context.Context) (aws.CredentialsProvider, error) {
	var values [3]string
	for i, secret := range []*dagger.Secret{m.AccessKeyID, m.SecretAccessKey, m.SessionToken} {
		value, err := plaintext(ctx, secret, "the AWS credentials")
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	keys, ok, err := target.ParseCredentials(values[0], values[1], values[2])
	switch {
	case err != nil:
		return nil, err
	case ok && m.RoleARN != "":
		return nil, errors.New("both AWS keys and --aws-role-arn are given: leave out one of them")
	case ok:
		return m.fixed(keys), nil
	case m.RoleARN == "":
		return nil, nil
	}
	token, err := m.identityToken(ctx)
	if err != nil {
		return nil, err
	}
	return login.Role(sts.New(sts.Options{Region: m.Region}), m.RoleARN, "sensor-backend-"+m.Environment, token), nil
}

// fixed gives keys that stay as they are.
func (m *SensorBackend) fixed(keys target.Credentials) aws.CredentialsProvider {
	given := aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken}
	// New has checked the time.
	if ends, err := time.Parse(time.RFC3339, m.CredentialExpiration); err == nil {
		given.CanExpire, given.Expires = true, ends
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return given, nil })
}

// identityToken is where the tokens come from that the role trusts.
func (m *SensorBackend) identityToken(ctx context.Context) (stscreds.IdentityTokenRetriever, error) {
	fixed, err := plaintext(ctx, m.WebIdentityToken, "the identity token")
	if err != nil || fixed != "" {
		return login.FixedToken(fixed), err
	}
	address, err := plaintext(ctx, m.IDTokenRequestURL, "the address for identity tokens")
	if err != nil {
		return nil, err
	}
	bearer, err := plaintext(ctx, m.IDTokenRequestToken, "the job's token for identity tokens")
	if err != nil {
		return nil, err
	}
	if address == "" || bearer == "" {
		return nil, errors.New("--aws-role-arn is given without an identity token: give --aws-web-identity-token, or in a GitHub job --id-token-request-url and --id-token-request-token")
	}
	return login.JobToken{URL: address, Bearer: bearer}, nil
}

// checkLasting refuses to start what may take longer than the credentials last. Those
// of a role are renewed.
func (c *cloud) checkLasting(ctx context.Context, what string, limit time.Duration) error {
	if _, renewed := c.config.Credentials.(*aws.CredentialsCache); renewed {
		return nil
	}
	given, err := c.config.Credentials.Retrieve(ctx)
	if err != nil || !given.CanExpire || time.Until(given.Expires) >= limit {
		return err
	}
	return &rollout.Error{
		Outcome: rollout.NotStarted, Subject: what,
		Reason: fmt.Sprintf("the AWS credentials end at %s, and it may take %s", given.Expires.UTC().Format(time.RFC3339), limit),
		Next:   "take new credentials, or have them renewed: --aws-role-arn with an identity token",
	}
}

// targetName says which AWS it is, for a report's first and last line.
func (m *SensorBackend) targetName(c *cloud) string {
	if c.emulator != nil {
		return fmt.Sprintf("the emulated AWS, region %s, environment %s; no account is touched", m.Region, m.Environment)
	}
	return fmt.Sprintf("AWS account %s, region %s, environment %s", c.account, m.Region, m.Environment)
}

// guardChanges makes the clients of this AWS ask the deploy lock before each change.
func (c *cloud) guardChanges() {
	c.config.APIOptions = append(c.config.APIOptions, lock.Guard(func(ctx context.Context) error {
		if held := c.guard.Load(); held != nil {
			return held.Check(ctx)
		}
		return nil
	}))
}

func (c *cloud) identify(ctx context.Context) error {
	out, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("log in to AWS in %s: %w; are the credentials valid and not expired?", c.config.Region, err)
	}
	caller, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return fmt.Errorf("read who works on the account: %w", err)
	}
	c.account, c.caller, c.partition = aws.ToString(out.Account), aws.ToString(out.Arn), caller.Partition
	return nil
}

// s3 is a client for either AWS: the emulated one knows buckets by path only.
func (c *cloud) s3() *s3.Client {
	return s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = c.emulator != nil })
}

// client reaches the API behind this AWS's load balancer, with the key to write if
// one is given: names of the emulated load balancers lead to the emulator.
func (m *SensorBackend) client(ctx context.Context, c *cloud) (*http.Client, error) {
	key, err := plaintext(ctx, m.WriteKey, "the key to write")
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err == nil && c.emulator != nil && strings.HasSuffix(host, ".elb.amazonaws.com") {
				address = strings.TrimPrefix(*c.config.BaseEndpoint, "http://")
			}
			return dialer.DialContext(ctx, network, address)
		},
		MaxIdleConnsPerHost: 4,
	}
	return &http.Client{Transport: keyed{transport, key}, Timeout: 30 * time.Second}, nil
}

// keyed sends a key with each request that has none and that no redirection caused:
// that may lead to somebody else.
type keyed struct {
	http.RoundTripper
	key string
}

// RoundTrip implements http.RoundTripper.
func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.key != "" && r.Header.Get("Authorization") == "" && r.Response == nil {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+k.key)
	}
	return k.RoundTripper.RoundTrip(r)
}

// access gives containers the way to this AWS: the present credentials, the region,
// and for the emulated one its address.
func (c *cloud) access(ctx context.Context) (dagger.WithContainerFunc, error) {
	given, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get AWS credentials for a container: %w", err)
	}
	// A name is another one for other credentials.
	secret := func(kind, value string) *dagger.Secret {
		return dag.SetSecret("aws-"+kind+"-"+sha256Of([]byte(given.AccessKeyID))[:15], value)
	}
	return func(ctr *dagger.Container) *dagger.Container {
		ctr = ctr.
			WithEnvVariable("AWS_REGION", c.config.Region).
			WithEnvVariable("AWS_EC2_METADATA_DISABLED", "true").
			WithSecretVariable("AWS_ACCESS_KEY_ID", secret("key-id", given.AccessKeyID)).
			WithSecretVariable("AWS_SECRET_ACCESS_KEY", secret("secret", given.SecretAccessKey))
		if given.SessionToken != "" {
			ctr = ctr.WithSecretVariable("AWS_SESSION_TOKEN", secret("token", given.SessionToken))
		}
		if c.emulator != nil {
			ctr = ctr.
				WithServiceBinding(emulatorHost, c.emulator).
				WithEnvVariable("AWS_ENDPOINT_URL", c.bound).
				WithEnvVariable("AWS_S3_USE_PATH_STYLE", "true")
		}
		return ctr
	}, nil
}
