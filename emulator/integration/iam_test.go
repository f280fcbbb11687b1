//go:build integration

package integration

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"sensor-backend/emulator/internal/testimage"
)

// ask sends a request that is not signed and gives the answer's body.
func ask(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, endpoint(t)+path, strings.NewReader(body))
	check(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	check(t, err)
	return res.StatusCode, raw
}

// webIdentity takes a role as a workflow does; the answer is the error's code.
func webIdentity(t *testing.T, role, job string) (aws.CredentialsProvider, string) {
	t.Helper()
	_, raw := ask(t, http.MethodGet, "/_emulator/oidc/token?audience=sts.amazonaws.com&"+job, "")
	var token struct{ Value string }
	check(t, json.Unmarshal(raw, &token))
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"ci"}, "WebIdentityToken": {token.Value},
	}
	_, raw = ask(t, http.MethodPost, "/", form.Encode())
	var out struct {
		Code string `xml:"Error>Code"`
		Keys struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	check(t, xml.Unmarshal(raw, &out))
	return credentials.NewStaticCredentialsProvider(out.Keys.AccessKeyID, out.Keys.SecretAccessKey, out.Keys.SessionToken), out.Code
}

// refused wants an error of AWS with a code and words.
func refused(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want the code %s", err, code)
		return
	}
	for _, word := range words {
		if !strings.Contains(api.ErrorMessage(), word) {
			t.Errorf("%q lacks %q", api.ErrorMessage(), word)
		}
	}
}

// makeRole makes a role that a principal takes, with a policy of its own.
func makeRole(t *testing.T, name, trust, policy string) string {
	t.Helper()
	api := iam.NewFromConfig(config(t))
	made, err := api.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	check(t, err)
	putPolicy(t, name, policy)
	return *made.Role.Arn
}

func putPolicy(t *testing.T, role, policy string) {
	t.Helper()
	_, err := iam.NewFromConfig(config(t)).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("own"), PolicyDocument: &policy})
	check(t, err)
}

// TestRoleOfAWorkflow takes a role by a token of the emulated GitHub, in both forms
// of its subject, and does with it what it may and what it may not.
func TestRoleOfAWorkflow(t *testing.T) {
	t.Parallel()
	api, name := iam.NewFromConfig(config(t)), unique("workflow")
	const host = "token.actions.githubusercontent.com"
	_, err := api.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + host), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{strings.Repeat("0", 40)},
	})
	var exists *iamtypes.EntityAlreadyExistsException
	if !errors.As(err, &exists) {
		check(t, err)
	}
	allow := func(prefix string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + name + `/` + prefix + `*"}]}`
	}
	role := makeRole(t, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
		"Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/`+host+`"},"Condition":{"StringEquals":{
		"`+host+`:aud":"sts.amazonaws.com","`+host+`:sub":["repo:acme/sensors:environment:dev","repo:acme@11/sensors@22:environment:dev"]}}}]}`, allow("in/"))
	for job, want := range map[string]string{
		"repository=acme/sensors&environment=dev":                              "",
		"repository=acme/sensors&environment=dev&owner_id=11&repository_id=22": "",
		"repository=acme/sensors&environment=prod":                             "AccessDenied",
		"repository=acme/sensors&pull_request=true":                            "AccessDenied",
		"repository=mallory/sensors&environment=dev":                           "AccessDenied",
	} {
		if _, code := webIdentity(t, role, job); code != want {
			t.Errorf("%s: got %q, want %q", job, code, want)
		}
	}

	admin := s3.NewFromConfig(config(t), func(o *s3.Options) { o.UsePathStyle = true })
	_, err = admin.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	check(t, err)
	limited := config(t)
	limited.Credentials, _ = webIdentity(t, role, "repository=acme/sensors&environment=dev")
	buckets := s3.NewFromConfig(limited, func(o *s3.Options) { o.UsePathStyle = true })
	put := func(key string) error {
		_, err := buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader("content")})
		return err
	}
	check(t, put("in/a.csv"))
	who := "arn:aws:sts::123456789012:assumed-role/" + name + "/ci"
	refused(t, put("out/a.csv"), "AccessDenied", "User: "+who+` is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::`+name+`/out/a.csv" because no identity-based policy allows the s3:PutObject action`)
	_, err = ec2.NewFromConfig(limited).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	refused(t, err, "UnauthorizedOperation", who, "ec2:DescribeVpcs")
	_, err = ecs.NewFromConfig(limited).ListClusters(t.Context(), &ecs.ListClustersInput{})
	refused(t, err, "AccessDeniedException", who, "ecs:ListClusters")
	_, err = lambda.NewFromConfig(limited).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")})
	refused(t, err, "AccessDeniedException", who, "lambda:GetFunction on resource: arn:aws:lambda:"+region+":123456789012:function:f")
	_, err = iam.NewFromConfig(limited).GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
	refused(t, err, "AccessDenied", who, "iam:GetRole on resource: "+role)

	// What the administrator changes counts at once.
	putPolicy(t, name, allow(""))
	check(t, put("out/a.csv"))
	_, err = admin.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{
		Bucket: &name, Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + name + `/out/*"}]}`),
	})
	check(t, err)
	refused(t, put("out/a.csv"), "AccessDenied", "with an explicit deny in a resource-based policy")

	_, raw := ask(t, http.MethodGet, "/_emulator/iam/permissions", "")
	if !strings.Contains(string(raw), `"role":"`+role+`","used":["s3:PutObject"`) {
		t.Errorf("the record does not tell what was used: %.2000s", raw)
	}
}

// TestUnsigned wants what is not signed to be refused.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	if code, raw := ask(t, http.MethodPost, "/", "Action=ListRoles&Version=2010-05-08"); code != http.StatusForbidden || !strings.Contains(string(raw), "MissingAuthenticationToken") {
		t.Errorf("got %d %s", code, raw)
	}
}

// TestRolesOfATask runs a service whose tasks have roles: the containers get the
// task role's keys, and the execution role writes the log and pulls the image, or
// is refused.
func TestRolesOfATask(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`
	may := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}]}`
	}
	const pull, write = `"ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"`, `"logs:CreateLogStream","logs:PutLogEvents"`
	starter := w.name + "-start"
	execution := makeRole(t, starter, trust, may(pull))
	task := makeRole(t, w.name+"-task", trust, may(`"s3:GetObject"`))
	described, err := w.ecs.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(w.register(t, w.repository+"@"+digest, nil))})
	check(t, err)
	d := described.TaskDefinition
	definition, err := w.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &w.name, NetworkMode: d.NetworkMode, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, Cpu: d.Cpu, Memory: d.Memory,
		ContainerDefinitions: d.ContainerDefinitions, ExecutionRoleArn: &execution, TaskRoleArn: &task,
	})
	check(t, err)
	run := func() *ecs.RunTaskOutput {
		out, err := w.ecs.RunTask(t.Context(), &ecs.RunTaskInput{
			Cluster: &w.name, TaskDefinition: definition.TaskDefinition.TaskDefinitionArn, LaunchType: types.LaunchTypeFargate,
			NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{w.subnet}}},
		})
		check(t, err)
		return out
	}
	reason := func(out *ecs.RunTaskOutput) string {
		id, said := *out.Tasks[0].TaskArn, ""
		eventually(t, time.Minute, "the task stops", func() (bool, any) {
			found, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &w.name, Tasks: []string{id}})
			check(t, err)
			said = aws.ToString(found.Tasks[0].StoppedReason)
			return aws.ToString(found.Tasks[0].LastStatus) == "STOPPED", said
		})
		return said
	}
	if got := reason(run()); !strings.Contains(got, "failed to create Cloudwatch log stream") || !strings.Contains(got, "logs:CreateLogStream") {
		t.Errorf("without the right to write the log it ends with %q", got)
	}
	putPolicy(t, starter, may(write))
	if got := reason(run()); !strings.Contains(got, "ecr:GetAuthorizationToken") {
		t.Errorf("without the right to pull it ends with %q", got)
	}
	putPolicy(t, starter, may(pull+","+write))
	w.create(t, *definition.TaskDefinition.TaskDefinitionArn, 1)
	w.settled(t)
	status, keys := get(t, w.dnsName, "/keys")
	if status != http.StatusOK || keys["RoleArn"] != task || keys["AccessKeyId"] == "" || keys["Token"] == "" {
		t.Fatalf("the container gets %d %v", status, keys)
	}
	limited := config(t)
	text := func(name string) string { return fmt.Sprint(keys[name]) }
	limited.Credentials = credentials.NewStaticCredentialsProvider(text("AccessKeyId"), text("SecretAccessKey"), text("Token"))
	_, err = ecs.NewFromConfig(limited).ListClusters(t.Context(), &ecs.ListClustersInput{})
	refused(t, err, "AccessDeniedException", "assumed-role/"+w.name+"-task/")
}
