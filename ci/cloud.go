package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/target"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// cloud is the AWS that a call works on: a real account, or the emulated one.
// The stages see no more of the difference than is in here.
type cloud struct {
	// config makes the SDK's clients.
	config aws.Config
	// account is the account's twelve digits.
	account string
	// caller is the ARN of who works on it.
	caller string
	// emulator is the emulated AWS; nil for a real account.
	emulator *dagger.Service
	// bound is the emulated AWS's address in containers that it is bound to.
	bound string
	// keyID, secret and token are what containers get; token may be nil.
	keyID, secret, token *dagger.Secret
}

// connect checks what the user gave, reaches the AWS it stands for, and says
// which it is. Call the returned function when done with it.
func (m *SensorBackend) connect(ctx context.Context) (*cloud, func(), error) {
	given, err := m.credentials(ctx)
	if err != nil {
		return nil, nil, err
	}
	if given == nil {
		return m.connectEmulator(ctx)
	}
	if m.RunningEmulator != nil {
		return nil, nil, errors.New("both AWS credentials and --emulator are given: leave out one of them")
	}
	c := &cloud{
		config: aws.Config{Region: m.Region, Credentials: credentials.NewStaticCredentialsProvider(given.AccessKeyID, given.SecretAccessKey, given.SessionToken)},
		keyID:  m.AccessKeyID, secret: m.SecretAccessKey, token: m.SessionToken,
	}
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

// onDeployed is onCloud for a verb that works on what is deployed: it reads the
// infrastructure's outputs first.
func (m *SensorBackend) onDeployed(ctx context.Context, work func(*cloud, terraform.Outputs) (string, error)) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		out, err := m.readOutputs(ctx, c)
		if err != nil {
			return "", err
		}
		return work(c, out)
	})
}

// onLocked is onCloud for a verb that changes what is deployed: it holds the
// deploy lock meanwhile.
func (m *SensorBackend) onLocked(ctx context.Context, work func(*cloud) (string, error)) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		release, err := m.acquireLock(ctx, c)
		if err != nil {
			return "", err
		}
		defer release()
		return work(c)
	})
}

// credentials returns nil if none are given.
func (m *SensorBackend) credentials(ctx context.Context) (*target.Credentials, error) {
	var values [3]string
	for i, secret := range []*dagger.Secret{m.AccessKeyID, m.SecretAccessKey, m.SessionToken} {
		value, err := plaintext(ctx, secret, "the AWS credentials")
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	c, ok, err := target.ParseCredentials(values[0], values[1], values[2])
	if err != nil || !ok {
		return nil, err
	}
	return &c, nil
}

// targetName says which AWS it is, for a report's first and last line.
func (m *SensorBackend) targetName(c *cloud) string {
	if c.emulator != nil {
		return fmt.Sprintf("the emulated AWS, region %s, environment %s; no account is touched", m.Region, m.Environment)
	}
	return fmt.Sprintf("AWS account %s, region %s, environment %s", c.account, m.Region, m.Environment)
}

func (c *cloud) identify(ctx context.Context) error {
	out, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("log in to AWS in %s: %w; are the credentials valid and not expired?", c.config.Region, err)
	}
	c.account, c.caller = aws.ToString(out.Account), aws.ToString(out.Arn)
	return nil
}

// s3 is a client for either AWS: the emulated one knows buckets by path only.
func (c *cloud) s3() *s3.Client {
	return s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = c.emulator != nil })
}

// http is a client that reaches the load balancers of this AWS: names of the
// emulated ones lead to the emulator.
func (c *cloud) http() *http.Client {
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
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// reachedBy gives a container the way to this AWS: credentials, region, and
// for the emulated one its address.
func (c *cloud) reachedBy(ctr *dagger.Container) *dagger.Container {
	ctr = ctr.
		WithEnvVariable("AWS_REGION", c.config.Region).
		WithEnvVariable("AWS_EC2_METADATA_DISABLED", "true").
		WithSecretVariable("AWS_ACCESS_KEY_ID", c.keyID).
		WithSecretVariable("AWS_SECRET_ACCESS_KEY", c.secret)
	if c.token != nil {
		ctr = ctr.WithSecretVariable("AWS_SESSION_TOKEN", c.token)
	}
	if c.emulator != nil {
		ctr = ctr.
			WithServiceBinding(emulatorHost, c.emulator).
			WithEnvVariable("AWS_ENDPOINT_URL", c.bound).
			WithEnvVariable("AWS_S3_USE_PATH_STYLE", "true")
	}
	return ctr
}
