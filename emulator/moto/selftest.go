package moto

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// check asks moto for one behaviour that the emulated AWS stands on.
type check struct {
	// operation names it, such as ecs:CreateService.
	operation string
	run       func(ctx context.Context, c *Client) error
}

// testRegion is where the self-test works; what it makes is gone after it.
const testRegion = "us-east-1"

// checks are the operations that the shim adds or corrects.
func checks() []check {
	return []check{
		{"application-autoscaling:ListTagsForResource", checkScalingTags},
		{"redshift:DescribeClusters", checkRedshift},
		{"ecs:CreateService", checkService},
		{"iam:SimulatePrincipalPolicy", checkSimulation},
		{"ec2:DescribeSecurityGroups", checkDescriptions},
		{"lambda:UpdateAlias", checkAlias},
		{"s3:ListObjectVersions", checkVersions},
	}
}

// SelfTest asks a moto that was just started for each behaviour that the shim adds
// or corrects, and then removes what that made: everything moto holds. The error
// names moto's version, every operation that is not as AWS documents it, and what
// to do.
func (c *Client) SelfTest(ctx context.Context) error {
	var failed []error
	for _, check := range checks() {
		if err := check.run(ctx, c); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", check.operation, err))
		}
	}
	if err := c.reset(ctx); err != nil {
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("moto %s does not serve the emulated AWS; use version 5.2.4, or correct emulator/moto/shim.py:\n%w", c.Version(ctx), errors.Join(failed...))
}

// Version is the version of the running moto; "of unknown version" if it does not
// say.
func (c *Client) Version(ctx context.Context) string {
	raw, err := c.get(ctx, "/_moto/version")
	if err != nil {
		return "of unknown version"
	}
	return strings.TrimSpace(string(raw))
}

func (c *Client) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	return c.send(request)
}

// send sends a request that is not an operation of AWS.
func (c *Client) send(request *http.Request) ([]byte, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("moto answered %s", response.Status)
	}
	return raw, err
}

func (c *Client) reset(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/moto-api/reset", nil)
	if err == nil {
		_, err = c.send(request)
	}
	if err != nil {
		return fmt.Errorf("remove what the self-test made: %w", err)
	}
	return nil
}

func checkScalingTags(ctx context.Context, c *Client) error {
	const prefix = "AnyScaleFrontendService."
	target := map[string]any{
		"ServiceNamespace": "dynamodb", "ResourceId": "table/self-test", "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
		"MinCapacity": 1, "MaxCapacity": 2, "Tags": map[string]string{"a": "b"},
	}
	var made struct{ ScalableTargetARN string }
	if err := c.JSON(ctx, testRegion, prefix+"RegisterScalableTarget", target, &made); err != nil {
		return err
	}
	var listed struct{ Tags map[string]string }
	if err := c.JSON(ctx, testRegion, prefix+"ListTagsForResource", map[string]any{"ResourceARN": made.ScalableTargetARN}, &listed); err != nil {
		return err
	}
	if listed.Tags["a"] != "b" {
		return fmt.Errorf("the tags given at registration are %v", listed.Tags)
	}
	return nil
}

func checkRedshift(ctx context.Context, c *Client) error {
	_, err := c.Form(ctx, "redshift", testRegion, url.Values{
		"Action": {"CreateCluster"}, "Version": {"2012-12-01"}, "ClusterIdentifier": {"self-test"}, "NodeType": {"ra3.large"},
		"MasterUsername": {"admin"}, "MasterUserPassword": {"Self-test1"},
	})
	if err != nil {
		return err
	}
	raw, err := c.Form(ctx, "redshift", testRegion, url.Values{"Action": {"DescribeClusters"}, "Version": {"2012-12-01"}})
	if err != nil {
		return err
	}
	for _, field := range []string{"ClusterAvailabilityStatus", "AvailabilityZoneRelocationStatus"} {
		if !strings.Contains(string(raw), "<"+field+">") {
			return fmt.Errorf("the answer has no %s", field)
		}
	}
	return nil
}

func checkService(ctx context.Context, c *Client) error {
	const prefix = "AmazonEC2ContainerServiceV20141113."
	subnet, err := c.subnet(ctx)
	if err != nil {
		return err
	}
	for _, call := range []struct {
		operation string
		in        map[string]any
	}{
		{"CreateCluster", map[string]any{"clusterName": "self-test"}},
		{"RegisterTaskDefinition", map[string]any{
			"family": "self-test", "networkMode": "awsvpc", "containerDefinitions": []any{map[string]any{"name": "a", "image": "a", "memory": 64}},
		}},
		{"CreateService", map[string]any{
			"cluster": "self-test", "serviceName": "self-test", "taskDefinition": "self-test", "desiredCount": 0,
			"networkConfiguration": map[string]any{"awsvpcConfiguration": map[string]any{"subnets": []string{subnet}}},
		}},
	} {
		if err := c.JSON(ctx, testRegion, prefix+call.operation, call.in, nil); err != nil {
			return fmt.Errorf("%s without security groups: %w", call.operation, err)
		}
	}
	return nil
}

// subnet is one of the default network's.
func (c *Client) subnet(ctx context.Context) (string, error) {
	raw, err := c.Form(ctx, "ec2", testRegion, url.Values{"Action": {"DescribeSubnets"}, "Version": {"2016-11-15"}})
	if err != nil {
		return "", err
	}
	var answer struct {
		Subnets []string `xml:"subnetSet>item>subnetId"`
	}
	if err := xml.Unmarshal(raw, &answer); err != nil || len(answer.Subnets) == 0 {
		return "", errors.New("there is no default subnet")
	}
	return answer.Subnets[0], nil
}

func checkSimulation(ctx context.Context, c *Client) error {
	_, err := c.Form(ctx, "iam", testRegion, url.Values{
		"Action": {"SimulatePrincipalPolicy"}, "Version": {"2010-05-08"}, "PolicySourceArn": {"arn:aws:iam::123456789012:role/self-test"},
		"ActionNames.member.1": {"s3:GetObject"},
	})
	// The answer is XML, whose code ParseError does not take apart.
	if err == nil {
		return errors.New("no policy is judged here, and it answers as if one were")
	}
	if !strings.Contains(err.Error(), "<Code>AccessDenied</Code>") {
		return fmt.Errorf("no policy is judged here, and it answers %w", err)
	}
	return nil
}

func checkDescriptions(ctx context.Context, c *Client) error {
	call := func(values url.Values) ([]byte, error) {
		values.Set("Version", "2016-11-15")
		return c.Form(ctx, "ec2", testRegion, values)
	}
	raw, err := call(url.Values{"Action": {"CreateSecurityGroup"}, "GroupName": {"self-test"}, "GroupDescription": {"self-test"}})
	if err != nil {
		return err
	}
	var made struct {
		ID string `xml:"groupId"`
	}
	if err := xml.Unmarshal(raw, &made); err != nil {
		return err
	}
	if _, err := call(url.Values{
		"Action": {"AuthorizeSecurityGroupIngress"}, "GroupId": {made.ID}, "IpPermissions.1.IpProtocol": {"tcp"},
		"IpPermissions.1.FromPort": {"80"}, "IpPermissions.1.ToPort": {"80"},
		"IpPermissions.1.Groups.1.GroupId": {made.ID}, "IpPermissions.1.Groups.1.Description": {"from itself"},
	}); err != nil {
		return err
	}
	raw, err = call(url.Values{"Action": {"DescribeSecurityGroupRules"}, "Filter.1.Name": {"group-id"}, "Filter.1.Value.1": {made.ID}})
	if err == nil && !strings.Contains(string(raw), "<description>from itself</description>") {
		err = errors.New("a rule that names a group has lost its description")
	}
	return err
}

func checkAlias(ctx context.Context, c *Client) error {
	_, err := c.Form(ctx, "iam", testRegion, url.Values{
		"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"self-test"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[]}`},
	})
	if err != nil {
		return err
	}
	const functions = "/2015-03-31/functions"
	rest := func(method, path string, in, out any) error {
		return c.REST(ctx, method, "lambda", testRegion, functions+path, in, out)
	}
	if err := rest(http.MethodPost, "", map[string]any{
		"FunctionName": "self-test", "Runtime": "provided.al2023", "Role": "arn:aws:iam::123456789012:role/self-test",
		"Handler": "bootstrap", "Code": map[string]any{"ZipFile": emptyZip}, "Publish": true,
	}, nil); err != nil {
		return err
	}
	var made, moved struct{ RevisionId string }
	if err := rest(http.MethodPost, "/self-test/aliases", map[string]any{"Name": "PROD", "FunctionVersion": "1"}, &made); err != nil {
		return err
	}
	if err := rest(http.MethodPut, "/self-test/aliases/PROD", map[string]any{"FunctionVersion": "1", "Description": "x"}, &moved); err != nil {
		return err
	}
	if moved.RevisionId == "" || moved.RevisionId == made.RevisionId {
		return errors.New("an alias keeps its revision id when it changes")
	}
	err = rest(http.MethodPut, "/self-test/aliases/PROD", map[string]any{"FunctionVersion": "1", "RevisionId": made.RevisionId}, nil)
	if err == nil {
		return errors.New("an update with an old revision id is taken")
	}
	var refused *awsapi.Error
	if !errors.As(err, &refused) || refused.Code != "PreconditionFailedException" {
		return fmt.Errorf("an update with an old revision id answers %w", err)
	}
	return nil
}

// emptyZip is a zip without files, in base64.
const emptyZip = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="

func checkVersions(ctx context.Context, c *Client) error {
	call := func(method, path, body string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		_, raw, err := c.raw(request, "s3", testRegion, method+" "+path)
		return raw, err
	}
	for _, put := range []struct{ path, body string }{
		{"/self-test", ""}, {"/self-test?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"}, {"/self-test/a%2Bb", "x"},
	} {
		if _, err := call(http.MethodPut, put.path, put.body); err != nil {
			return err
		}
	}
	raw, err := call(http.MethodGet, "/self-test?versions&encoding-type=url", "")
	if err == nil && !strings.Contains(string(raw), "<Key>a%2Bb</Key>") {
		err = errors.New("encoding-type=url does not encode the keys")
	}
	return err
}
