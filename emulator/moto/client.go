package moto

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
)

// Client calls moto for the edge's own purposes.
type Client struct {
	base string
	http *http.Client
}

// NewClient makes a client of the moto server at base, such as
// http://127.0.0.1:5001.
func NewClient(base string) *Client {
	return &Client{
		base: strings.TrimSuffix(base, "/"),
		http: &http.Client{
			Timeout:       time.Minute,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Base is the address given at construction.
func (c *Client) Base() string { return c.base }

// JSON calls one operation of a JSON 1.1 service. Target is the value of
// X-Amz-Target. A service's own error comes back as *awsapi.Error.
func (c *Client) JSON(ctx context.Context, region, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("call %s: %w", target, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call %s: %w", target, err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	return c.do(req, signingName(target), region, target, out)
}

// REST calls one operation of a REST service and decodes a JSON answer.
func (c *Client) REST(ctx context.Context, method, service, region, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("call %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("call %s %s: %w", method, path, err)
	}
	return c.do(req, service, region, method+" "+path, out)
}

// Form calls one operation of a query service and gives the raw XML answer.
func (c *Client) Form(ctx context.Context, service, region string, values url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/", strings.NewReader(values.Encode()))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", values.Get("Action"), err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, raw, err := c.raw(req, service, region, values.Get("Action"))
	return raw, err
}

// Get reads a path of a REST service and gives the raw answer.
func (c *Client) Get(ctx context.Context, service, region, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("call GET %s: %w", path, err)
	}
	_, raw, err := c.raw(req, service, region, "GET "+path)
	return raw, err
}

// Head reads the headers of a path of a REST service.
func (c *Client) Head(ctx context.Context, service, region, path string) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("call HEAD %s: %w", path, err)
	}
	header, _, err := c.raw(req, service, region, "HEAD "+path)
	return header, err
}

func (c *Client) do(req *http.Request, service, region, what string, out any) error {
	_, raw, err := c.raw(req, service, region, what)
	if err != nil {
		return err
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("call %s: read the answer: %w", what, err)
	}
	return nil
}

// raw gives the header and body of a good answer.
func (c *Client) raw(req *http.Request, service, region, what string) (http.Header, []byte, error) {
	// moto reads the service and region from the credential scope and checks no signature.
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/"+service+
		"/aws4_request, SignedHeaders=host, Signature=0")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("call %s: %w", what, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("call %s: read the answer: %w", what, err)
	}
	if res.StatusCode >= 300 {
		return nil, nil, fmt.Errorf("call %s: %w", what, awsapi.ParseError(res.StatusCode, raw))
	}
	return res.Header, raw, nil
}

// signingName is the name of the service that a target's requests are signed for:
// moto finds the service by it.
func signingName(target string) string {
	service, _, _ := strings.Cut(target, ".")
	name, _, _ := strings.Cut(service, "_")
	switch name {
	case "AmazonEC2ContainerServiceV20141113":
		return "ecs"
	case "AmazonEC2ContainerRegistry":
		return "ecr"
	case "AnyScaleFrontendService":
		return "application-autoscaling"
	case "AmazonSQS":
		return "sqs"
	case "AmazonSSM":
		return "ssm"
	case "AWSBudgetServiceGateway":
		return "budgets"
	case "TrentService":
		return "kms"
	}
	// Logs_20140328, DynamoDB_20120810, secretsmanager.
	return strings.ToLower(name)
}
