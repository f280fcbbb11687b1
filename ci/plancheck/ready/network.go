package ready

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// Network counts what there is of a region's addresses and networks. It speaks EC2's
// query protocol itself: the SDK's client of EC2 takes longer to compile and to lint
// than all the rest of the program.
type Network struct {
	config aws.Config
	client *http.Client
	now    func() time.Time
}

// NewNetwork makes a Network of an SDK's configuration.
func NewNetwork(config aws.Config) Network {
	return Network{config: config, client: &http.Client{Timeout: lookTime}, now: time.Now}
}

// ec2Version is the version of EC2's API (Amazon EC2 API Reference).
const ec2Version = "2016-11-15"

// maxAnswer bounds what is read of an answer: thousands of VPCs.
const maxAnswer = 16 << 20

// Addresses counts the elastic IP addresses (API DescribeAddresses).
func (n Network) Addresses(ctx context.Context) (int, error) {
	var out struct {
		Items []struct{} `xml:"addressesSet>item"`
	}
	err := n.ask(ctx, url.Values{"Action": {"DescribeAddresses"}}, &out)
	return len(out.Items), err
}

// VPCs counts the VPCs (API DescribeVpcs).
func (n Network) VPCs(ctx context.Context) (int, error) {
	count, token := 0, ""
	for {
		var out struct {
			Items []struct{} `xml:"vpcSet>item"`
			Next  string     `xml:"nextToken"`
		}
		query := url.Values{"Action": {"DescribeVpcs"}}
		if token != "" {
			query.Set("NextToken", token)
		}
		if err := n.ask(ctx, query, &out); err != nil {
			return 0, err
		}
		count += len(out.Items)
		if token = out.Next; token == "" {
			return count, nil
		}
	}
}

// ask sends a signed request and reads its answer; a refusal is a smithy.APIError.
func (n Network) ask(ctx context.Context, query url.Values, out any) error {
	query.Set("Version", ec2Version)
	body := query.Encode()
	address := "https://ec2." + n.config.Region + "." + suffix(n.config.Region)
	if n.config.BaseEndpoint != nil {
		address = *n.config.BaseEndpoint
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	keys, err := n.config.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get the credentials: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), "ec2", n.config.Region, n.now()); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	response, err := n.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask EC2: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask EC2: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var refused struct {
			Code    string `xml:"Errors>Error>Code"`
			Message string `xml:"Errors>Error>Message"`
		}
		if xml.Unmarshal(raw, &refused) != nil || refused.Code == "" {
			return fmt.Errorf("ask EC2: it answered %s", response.Status)
		}
		return &smithy.GenericAPIError{Code: refused.Code, Message: refused.Message}
	}
	if err := xml.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("read what EC2 answered: %w", err)
	}
	return nil
}

// suffix is the domain of a region's part of AWS.
func suffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
