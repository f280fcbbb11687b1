package calls

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// world is a Facts with one key behind everything whose name holds "secret".
type world struct{ newAccount bool }

const (
	scope   = ":eu-central-1:123456789012:"
	theKey  = "arn:aws:kms" + scope + "key/1"
	taskRun = "arn:aws:iam::123456789012:role/task"
)

func (world) KeyOf(_ context.Context, arn string) (string, error) {
	if strings.Contains(arn, "secret") {
		return theKey, nil
	}
	return "", nil
}

func (world) Key(_ context.Context, _, name string) (string, bool, error) {
	switch {
	case strings.Contains(name, "alias/aws/"):
		return "arn:aws:kms" + scope + "key/aws", false, nil
	case name == "missing":
		return "", false, nil
	}
	return theKey, true, nil
}

func (world) HashKey(context.Context, string, string) (string, error) { return "LockID", nil }

func (world) TaskRoles(context.Context, string, string) ([]string, error) {
	return []string{taskRun}, nil
}

func (w world) Lacks(context.Context, string) (bool, error) { return w.newAccount, nil }

// asks makes a request as a client of the service sends it.
func asks(service, method, target, body string, header map[string]string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=ASIA1/20260101/eu-central-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

func jsonCall(service, target, body string) *http.Request {
	return asks(service, http.MethodPost, "/", body, map[string]string{"X-Amz-Target": target})
}

func formCall(service string, parameters ...string) *http.Request {
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	return asks(service, http.MethodPost, "/", values.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

func read(t *testing.T, facts Facts, r *http.Request) Call {
	t.Helper()
	reader, err := NewReader(facts)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, r.ContentLength)
	_, _ = r.Body.Read(body)
	call, err := reader.Read(t.Context(), r, func() ([]byte, error) { return body, nil })
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// TestRead has the requests of the product's parts, one of each kind, with what AWS
// checks of them: action and resource, separated by a space.
func TestRead(t *testing.T) {
	t.Parallel()
	const (
		ecs  = "AmazonEC2ContainerServiceV20141113."
		own  = "arn:aws:ecs" + scope
		elb  = "arn:aws:elasticloadbalancing" + scope
		vpcs = "arn:aws:ec2" + scope
	)
	for _, tt := range []struct {
		name    string
		request *http.Request
		want    []string
	}{
		{"a service of a cluster", jsonCall("ecs", ecs+"UpdateService", `{"cluster":"c","service":"s"}`), []string{"ecs:UpdateService " + own + "service/c/s"}},
		{"a service by ARN", jsonCall("ecs", ecs+"DescribeServices", `{"cluster":"c","services":["`+own+`service/c/s"]}`), []string{"ecs:DescribeServices " + own + "service/c/s"}},
		{"two services", jsonCall("ecs", ecs+"DescribeServices", `{"cluster":"c","services":["a","b"]}`), []string{"ecs:DescribeServices " + own + "service/c/a", "ecs:DescribeServices " + own + "service/c/b"}},
		{"the default cluster", jsonCall("ecs", ecs+"DescribeClusters", `{}`), []string{"ecs:DescribeClusters " + own + "cluster/default"}},
		{"a deployment", jsonCall("ecs", ecs+"DescribeServiceDeployments", `{"serviceDeploymentArns":["`+own+`service-deployment/c/s/1"]}`), []string{"ecs:DescribeServiceDeployments " + own + "service/c/s", "ecs:DescribeServiceDeployments " + own + "service-deployment/c/s/1"}},
		{"tasks of a service", jsonCall("ecs", ecs+"ListTasks", `{"cluster":"c","serviceName":"s"}`), []string{"ecs:ListTasks " + own + "container-instance/c/*"}},
		{"a task by id", jsonCall("ecs", ecs+"StopTask", `{"cluster":"c","task":"t"}`), []string{"ecs:StopTask " + own + "task/c/t"}},
		{"without resources", jsonCall("ecs", ecs+"DescribeTaskDefinition", `{"taskDefinition":"f:1"}`), []string{"ecs:DescribeTaskDefinition *"}},
		{"a definition with roles and tags", jsonCall("ecs", ecs+"RegisterTaskDefinition", `{"family":"f","taskRoleArn":"arn:aws:iam::123456789012:role/t","executionRoleArn":"e","tags":[{"key":"a","value":"b"}]}`), []string{
			"ecs:RegisterTaskDefinition " + own + "task-definition/f:*", "iam:PassRole arn:aws:iam::123456789012:role/t", "iam:PassRole arn:aws:iam::123456789012:role/e", "ecs:TagResource " + own + "task-definition/f:*",
		}},
		{"a task of a definition", jsonCall("ecs", ecs+"RunTask", `{"cluster":"c","taskDefinition":"f:3"}`), []string{"ecs:RunTask " + own + "task-definition/f:3", "iam:PassRole " + taskRun}},
		{"tags of a service", jsonCall("ecs", ecs+"TagResource", `{"resourceArn":"`+own+`service/c/s","tags":[{"key":"a","value":"b"}]}`), []string{"ecs:TagResource " + own + "service/c/s"}},
		{"a repository", jsonCall("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeImages", `{"repositoryName":"r"}`), []string{"ecr:DescribeImages arn:aws:ecr" + scope + "repository/r"}},
		{"a repository under a key", jsonCall("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository", `{"repositoryName":"r","encryptionConfiguration":{"encryptionType":"KMS","kmsKey":"k"}}`), []string{
			"ecr:CreateRepository arn:aws:ecr" + scope + "repository/r", "kms:DescribeKey " + theKey, "kms:CreateGrant " + theKey,
		}},
		{"an item", jsonCall("dynamodb", "DynamoDB_20120810.PutItem", `{"TableName":"t","Item":{"LockID":{"S":"a"}}}`), []string{"dynamodb:PutItem arn:aws:dynamodb" + scope + "table/t"}},
		{"an item under a key", jsonCall("dynamodb", "DynamoDB_20120810.GetItem", `{"TableName":"secret","Key":{"LockID":{"S":"a"}}}`), []string{"dynamodb:GetItem arn:aws:dynamodb" + scope + "table/secret", "kms:Decrypt " + theKey}},
		{"an index", jsonCall("dynamodb", "DynamoDB_20120810.Query", `{"TableName":"t","IndexName":"i"}`), []string{"dynamodb:Query arn:aws:dynamodb" + scope + "table/t/index/i"}},
		{"a transaction", jsonCall("dynamodb", "DynamoDB_20120810.TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"t"}},{"Delete":{"TableName":"t"}}]}`), []string{"dynamodb:PutItem arn:aws:dynamodb" + scope + "table/t", "dynamodb:DeleteItem arn:aws:dynamodb" + scope + "table/t"}},
		{"a key by alias", jsonCall("kms", "TrentService.DescribeKey", `{"KeyId":"alias/a"}`), []string{"kms:DescribeKey " + theKey}},
		{"a new key with tags", jsonCall("kms", "TrentService.CreateKey", `{"Tags":[{"TagKey":"a","TagValue":"b"}]}`), []string{"kms:CreateKey *", "kms:TagResource arn:aws:kms" + scope + "key/*"}},
		{"an alias", jsonCall("kms", "TrentService.CreateAlias", `{"AliasName":"alias/a","TargetKeyId":"1"}`), []string{"kms:CreateAlias " + theKey, "kms:CreateAlias arn:aws:kms" + scope + "alias/a"}},
		{"a queue", jsonCall("sqs", "AmazonSQS.ReceiveMessage", `{"QueueUrl":"http://localhost/123456789012/q"}`), []string{"sqs:ReceiveMessage arn:aws:sqs" + scope + "q"}},
		{"a queue under a key", jsonCall("sqs", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"http://localhost/123456789012/secret"}`), []string{"sqs:SendMessage arn:aws:sqs" + scope + "secret", "kms:GenerateDataKey " + theKey, "kms:Decrypt " + theKey}},
		{"a new queue", jsonCall("sqs", "AmazonSQS.CreateQueue", `{"QueueName":"q","tags":{"a":"b"}}`), []string{"sqs:CreateQueue arn:aws:sqs" + scope + "q", "sqs:TagQueue arn:aws:sqs" + scope + "q"}},
		{"a parameter", jsonCall("ssm", "AmazonSSM.GetParameter", `{"Name":"/a/b"}`), []string{"ssm:GetParameter arn:aws:ssm" + scope + "parameter/a/b"}},
		{"a log group", jsonCall("logs", "Logs_20140328.FilterLogEvents", `{"logGroupName":"/g"}`), []string{"logs:FilterLogEvents arn:aws:logs" + scope + "log-group:/g:log-stream:"}},
		{"a log stream", jsonCall("logs", "Logs_20140328.GetLogEvents", `{"logGroupName":"/g","logStreamName":"s"}`), []string{"logs:GetLogEvents arn:aws:logs" + scope + "log-group:/g:log-stream:s"}},
		{"a log group's tags", jsonCall("logs", "Logs_20140328.ListTagsForResource", `{"resourceArn":"arn:aws:logs`+scope+`log-group:/g"}`), []string{"logs:ListTagsForResource arn:aws:logs" + scope + "log-group:/g"}},
		{"a budget", jsonCall("budgets", "AWSBudgetServiceGateway.CreateBudget", `{"Budget":{"BudgetName":"b"}}`), []string{"budgets:ModifyBudget arn:aws:budgets::123456789012:budget/b"}},
		{"scaling", jsonCall("application-autoscaling", "AnyScaleFrontendService.PutScalingPolicy", `{"ServiceNamespace":"ecs","ResourceId":"service/c/s"}`), []string{
			"application-autoscaling:PutScalingPolicy arn:aws:application-autoscaling" + scope + "scalable-target/*",
			"cloudwatch:PutMetricAlarm arn:aws:cloudwatch" + scope + "alarm:TargetTracking-service/c/s-*", "cloudwatch:DescribeAlarms arn:aws:cloudwatch" + scope + "alarm:TargetTracking-service/c/s-*",
		}},
		{"a list of buckets", asks("s3", http.MethodGet, "/", "", nil), []string{"s3:ListAllMyBuckets *"}},
		{"a bucket's objects", asks("s3", http.MethodGet, "/b?list-type=2&prefix=in/", "", nil), []string{"s3:ListBucket arn:aws:s3:::b"}},
		{"whether a bucket is there", asks("s3", http.MethodHead, "/b", "", nil), []string{"s3:ListBucket arn:aws:s3:::b"}},
		{"a bucket's encryption", asks("s3", http.MethodPut, "/b?encryption", "", nil), []string{"s3:PutEncryptionConfiguration arn:aws:s3:::b"}},
		{"removing a bucket's lifecycle", asks("s3", http.MethodDelete, "/b?lifecycle", "", nil), []string{"s3:PutLifecycleConfiguration arn:aws:s3:::b"}},
		{"an object", asks("s3", http.MethodGet, "/b/in/a%20b", "", nil), []string{"s3:GetObject arn:aws:s3:::b/in/a b"}},
		{"a version of an object", asks("s3", http.MethodHead, "/b/k?versionId=1", "", nil), []string{"s3:GetObjectVersion arn:aws:s3:::b/k"}},
		{"an object under a key", asks("s3", http.MethodPut, "/secret/k", "x", nil), []string{"s3:PutObject arn:aws:s3:::secret/k", "kms:GenerateDataKey " + theKey}},
		{"a part of an object", asks("s3", http.MethodPut, "/b/k?partNumber=1&uploadId=1", "x", nil), []string{"s3:PutObject arn:aws:s3:::b/k"}},
		{"a copy", asks("s3", http.MethodPut, "/b/k", "", map[string]string{"X-Amz-Copy-Source": "/a/j"}), []string{"s3:PutObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::a/j"}},
		{"objects and versions", asks("s3", http.MethodPost, "/b?delete", `<Delete><Object><Key>a</Key></Object><Object><Key>c</Key><VersionId>1</VersionId></Object></Delete>`, nil), []string{"s3:DeleteObject arn:aws:s3:::b/a", "s3:DeleteObjectVersion arn:aws:s3:::b/c"}},
		{"a bucket's tags by ARN", asks("s3", http.MethodGet, "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Ab", "", nil), []string{"s3:ListTagsForResource arn:aws:s3:::b"}},
		{"a function", asks("lambda", http.MethodGet, "/2015-03-31/functions/f", "", nil), []string{"lambda:GetFunction arn:aws:lambda" + scope + "function:f"}},
		{"a version", asks("lambda", http.MethodDelete, "/2015-03-31/functions/f?Qualifier=3", "", nil), []string{"lambda:DeleteFunction arn:aws:lambda" + scope + "function:f:3"}},
		{"a call of an alias", asks("lambda", http.MethodPost, "/2015-03-31/functions/f/invocations?Qualifier=PROD", "{}", nil), []string{"lambda:InvokeFunction arn:aws:lambda" + scope + "function:f:PROD"}},
		{"a function by ARN", asks("lambda", http.MethodGet, "/2015-03-31/functions/arn:aws:lambda"+scope+"function:f:PROD/configuration", "", nil), []string{"lambda:GetFunctionConfiguration arn:aws:lambda" + scope + "function:f:PROD"}},
		{"a function under a key", asks("lambda", http.MethodGet, "/2015-03-31/functions/secret", "", nil), []string{"lambda:GetFunction arn:aws:lambda" + scope + "function:secret", "kms:Decrypt " + theKey}},
		{"a new function", asks("lambda", http.MethodPost, "/2015-03-31/functions", `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/f","KMSKeyArn":"k","Tags":{"a":"b"}}`, nil), []string{
			"lambda:CreateFunction arn:aws:lambda" + scope + "function:f", "iam:PassRole arn:aws:iam::123456789012:role/f", "lambda:TagResource arn:aws:lambda" + scope + "function:f", "kms:Encrypt " + theKey, "kms:CreateGrant " + theKey,
		}},
		{"an alias of a function", asks("lambda", http.MethodPut, "/2015-03-31/functions/f/aliases/PROD", "{}", nil), []string{"lambda:UpdateAlias arn:aws:lambda" + scope + "function:f"}},
		{"a topic", formCall("sns", "Action", "Publish", "TopicArn", "arn:aws:sns"+scope+"t"), []string{"sns:Publish arn:aws:sns" + scope + "t"}},
		{"a topic's tags", formCall("sns", "Action", "ListTagsForResource", "ResourceArn", "arn:aws:sns"+scope+"t"), []string{"sns:ListTagsForResource arn:aws:sns" + scope + "t"}},
		{"a new topic", formCall("sns", "Action", "CreateTopic", "Name", "t", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b"), []string{"sns:CreateTopic arn:aws:sns" + scope + "t", "sns:TagResource arn:aws:sns" + scope + "t"}},
		{"a subscription", formCall("sns", "Action", "Unsubscribe", "SubscriptionArn", "arn:aws:sns"+scope+"t:1-2"), []string{"sns:Unsubscribe arn:aws:sns" + scope + "t"}},
		{"a role", formCall("iam", "Action", "GetRole", "RoleName", "r"), []string{"iam:GetRole arn:aws:iam::123456789012:role/r"}},
		{"a policy of a role", formCall("iam", "Action", "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::123456789012:policy/p"), []string{"iam:AttachRolePolicy arn:aws:iam::123456789012:role/r"}},
		{"a policy", formCall("iam", "Action", "GetPolicy", "PolicyArn", "arn:aws:iam::123456789012:policy/p"), []string{"iam:GetPolicy arn:aws:iam::123456789012:policy/p"}},
		{"an identity provider", formCall("iam", "Action", "CreateOpenIDConnectProvider", "Url", "https://x.example"), []string{"iam:CreateOpenIDConnectProvider arn:aws:iam::123456789012:oidc-provider/x.example"}},
		{"a network", formCall("ec2", "Action", "CreateVpc", "CidrBlock", "10.0.0.0/16", "TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "b"), []string{"ec2:CreateVpc " + vpcs + "vpc/*", "ec2:CreateTags " + vpcs + "vpc/*"}},
		{"a subnet of a network", formCall("ec2", "Action", "CreateSubnet", "VpcId", "vpc-1"), []string{"ec2:CreateSubnet " + vpcs + "subnet/*", "ec2:CreateSubnet " + vpcs + "vpc/vpc-1"}},
		{"an association of a table", formCall("ec2", "Action", "DisassociateRouteTable", "AssociationId", "rtbassoc-1"), []string{"ec2:DisassociateRouteTable " + vpcs + "route-table/*"}},
		{"removing a load balancer", formCall("elasticloadbalancing", "Action", "DeleteLoadBalancer", "LoadBalancerArn", elb+"loadbalancer/app/l/1"), []string{"elasticloadbalancing:DeleteLoadBalancer " + elb + "loadbalancer/app/l/1"}},
		{"networks", formCall("ec2", "Action", "DescribeVpcs", "VpcId.1", "vpc-1"), []string{"ec2:DescribeVpcs *"}},
		{"tags of a network", formCall("ec2", "Action", "CreateTags", "ResourceId.1", "vpc-1", "Tag.1.Key", "a", "Tag.1.Value", "b"), []string{"ec2:CreateTags " + vpcs + "vpc/vpc-1"}},
		{"a rule", formCall("ec2", "Action", "AuthorizeSecurityGroupIngress", "GroupId", "sg-1"), []string{"ec2:AuthorizeSecurityGroupIngress " + vpcs + "security-group/sg-1"}},
		{"flow logs", formCall("ec2", "Action", "CreateFlowLogs", "ResourceId.1", "vpc-1"), []string{"ec2:CreateFlowLogs " + vpcs + "vpc-flow-log/*", "ec2:CreateFlowLogs " + vpcs + "vpc/vpc-1", "logs:CreateLogDelivery *"}},
		{"an interface endpoint", formCall("ec2", "Action", "CreateVpcEndpoint", "VpcId", "vpc-1", "VpcEndpointType", "Interface", "PrivateDnsEnabled", "true"), []string{"ec2:CreateVpcEndpoint " + vpcs + "vpc/vpc-1", "ec2:CreateVpcEndpoint " + vpcs + "vpc-endpoint/*", "route53:AssociateVPCWithHostedZone arn:aws:route53:::hostedzone/*"}},
		{"a load balancer", formCall("elasticloadbalancing", "Action", "CreateLoadBalancer", "Name", "l", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b"), []string{"elasticloadbalancing:CreateLoadBalancer " + elb + "loadbalancer/app/l/*", "elasticloadbalancing:AddTags " + elb + "loadbalancer/app/l/*"}},
		{"a listener", formCall("elasticloadbalancing", "Action", "CreateListener", "LoadBalancerArn", elb+"loadbalancer/app/l/1"), []string{"elasticloadbalancing:CreateListener " + elb + "loadbalancer/app/l/1"}},
		{"target groups", formCall("elasticloadbalancing", "Action", "DescribeTargetGroups", "TargetGroupArns.member.1", elb+"targetgroup/t/1"), []string{"elasticloadbalancing:DescribeTargetGroups *"}},
		{"an alarm", formCall("monitoring", "Action", "PutMetricAlarm", "AlarmName", "a"), []string{"cloudwatch:PutMetricAlarm arn:aws:cloudwatch" + scope + "alarm:a"}},
		{"a dashboard", formCall("monitoring", "Action", "GetDashboard", "DashboardName", "d"), []string{"cloudwatch:GetDashboard arn:aws:cloudwatch::123456789012:dashboard/d"}},
		{"a cluster with a password", formCall("redshift", "Action", "CreateCluster", "ClusterIdentifier", "w", "MasterUsername", "m", "ManageMasterPassword", "true", "IamRoles.IamRoleArn.1", "arn:aws:iam::123456789012:role/w"), []string{
			"redshift:CreateCluster arn:aws:redshift" + scope + "cluster:w", "iam:PassRole arn:aws:iam::123456789012:role/w",
			"secretsmanager:CreateSecret arn:aws:secretsmanager" + scope + "secret:redshift!w-m", "secretsmanager:TagResource arn:aws:secretsmanager" + scope + "secret:redshift!w-m",
		}},
		{"a certificate", jsonCall("acm", "CertificateManager.DescribeCertificate", `{"CertificateArn":"arn:aws:acm`+scope+`certificate/1"}`), []string{"acm:DescribeCertificate arn:aws:acm" + scope + "certificate/1"}},
		{"a quota", jsonCall("servicequotas", "ServiceQuotasV20190624.GetServiceQuota", `{"ServiceCode":"lambda","QuotaCode":"L-1"}`), []string{"servicequotas:GetServiceQuota arn:aws:servicequotas" + scope + "lambda/L-1"}},
		{"traces", asks("xray", http.MethodPost, "/TraceSegments", "{}", nil), []string{"xray:PutTraceSegments *"}},
		{"an operation that nobody knows", jsonCall("ecs", ecs+"CreateExpressGateway", `{}`), nil},
		{"a service that nobody knows", formCall("cloudformation", "Action", "CreateStack"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range read(t, world{}, tt.request).Checks {
				got = append(got, c.Action+" "+c.Resource)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestLinkedRoles has what the first use of a service needs in a new account.
func TestLinkedRoles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		request *http.Request
		role    string
	}{
		{jsonCall("ecs", "AmazonEC2ContainerServiceV20141113.CreateCluster", `{"clusterName":"c"}`), "ecs.amazonaws.com/AWSServiceRoleForECS"},
		{formCall("elasticloadbalancing", "Action", "CreateLoadBalancer", "Name", "l"), "elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"},
		{jsonCall("application-autoscaling", "AnyScaleFrontendService.RegisterScalableTarget", `{"ServiceNamespace":"ecs"}`), "ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"},
		{formCall("redshift", "Action", "CreateCluster", "ClusterIdentifier", "w"), "redshift.amazonaws.com/AWSServiceRoleForRedshift"},
	} {
		checks := read(t, world{newAccount: true}, tt.request).Checks
		last := checks[len(checks)-1]
		if last.Action != "iam:CreateServiceLinkedRole" || last.Resource != "arn:aws:iam::123456789012:role/aws-service-role/"+tt.role {
			t.Errorf("got %s %s, want %s", last.Action, last.Resource, tt.role)
		}
	}
}

// TestConditions has what a request says by condition keys.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		request *http.Request
		check   int
		key     string
		want    string
	}{
		{"tags that are given", jsonCall("kms", "TrentService.CreateKey", `{"Tags":[{"TagKey":"Project","TagValue":"sensor"}]}`), 0, "aws:RequestTag/Project", "sensor"},
		{"their keys", formCall("sns", "Action", "TagResource", "ResourceArn", "arn:aws:sns"+scope+"t", "Tags.member.1.Key", "b", "Tags.member.1.Value", "1", "Tags.member.2.Key", "a", "Tags.member.2.Value", "2"), 0, "aws:TagKeys", "a b"},
		{"keys that are removed", jsonCall("ecs", "AmazonEC2ContainerServiceV20141113.UntagResource", `{"resourceArn":"x","tagKeys":["a"]}`), 0, "aws:TagKeys", "a"},
		{"an item's key", jsonCall("dynamodb", "DynamoDB_20120810.UpdateItem", `{"TableName":"t","Key":{"LockID":{"S":"deploy/x"}}}`), 0, "dynamodb:LeadingKeys", "deploy/x"},
		{"a new item's key", jsonCall("dynamodb", "DynamoDB_20120810.PutItem", `{"TableName":"t","Item":{"Info":{"S":"i"},"LockID":{"S":"k"}}}`), 0, "dynamodb:LeadingKeys", "k"},
		{"a query's key", jsonCall("dynamodb", "DynamoDB_20120810.Query", `{"TableName":"t","KeyConditionExpression":"#l = :v","ExpressionAttributeNames":{"#l":"LockID"},"ExpressionAttributeValues":{":v":{"S":"k"}}}`), 0, "dynamodb:LeadingKeys", "k"},
		{"a query by another name", jsonCall("dynamodb", "DynamoDB_20120810.Query", `{"TableName":"t","KeyConditionExpression":"begins_with(a, :v)"}`), 0, "dynamodb:LeadingKeys", ""},
		{"keys of a batch", jsonCall("dynamodb", "DynamoDB_20120810.BatchWriteItem", `{"RequestItems":{"t":[{"PutRequest":{"Item":{"LockID":{"S":"a"}}}},{"DeleteRequest":{"Key":{"LockID":{"S":"b"}}}}]}}`), 0, "dynamodb:LeadingKeys", "a b"},
		{"keys that are read in a batch", jsonCall("dynamodb", "DynamoDB_20120810.BatchGetItem", `{"RequestItems":{"t":{"Keys":[{"LockID":{"S":"a"}}]}}}`), 0, "dynamodb:LeadingKeys", "a"},
		{"keys of a transaction", jsonCall("dynamodb", "DynamoDB_20120810.TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"t","Item":{"LockID":{"S":"a"}}}},{"Delete":{"TableName":"t","Key":{"LockID":{"S":"b"}}}}]}`), 1, "dynamodb:LeadingKeys", "a b"},
		{"a scan has none", jsonCall("dynamodb", "DynamoDB_20120810.Scan", `{"TableName":"t"}`), 0, "dynamodb:LeadingKeys", ""},
		{"a cluster by name", jsonCall("ecs", "AmazonEC2ContainerServiceV20141113.RunTask", `{"cluster":"c","taskDefinition":"f:1"}`), 0, "ecs:cluster", "arn:aws:ecs" + scope + "cluster/c"},
		{"whom a role is passed to", jsonCall("ecs", "AmazonEC2ContainerServiceV20141113.RunTask", `{"cluster":"c","taskDefinition":"f:1"}`), 1, "iam:PassedToService", "ecs-tasks.amazonaws.com"},
		{"a new role's boundary", formCall("iam", "Action", "CreateRole", "RoleName", "r", "PermissionsBoundary", "arn:b"), 0, "iam:PermissionsBoundary", "arn:b"},
		{"a role's boundary is not the request's", formCall("iam", "Action", "PutRolePolicy", "RoleName", "r", "PermissionsBoundary", "arn:b"), 0, "iam:PermissionsBoundary", ""},
		{"a policy that is attached", formCall("iam", "Action", "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:p"), 0, "iam:PolicyARN", "arn:p"},
		{"a key by a service", asks("s3", http.MethodGet, "/secret/k", "", nil), 1, "kms:ViaService", "s3.eu-central-1.amazonaws.com"},
		{"a bucket's prefix", asks("s3", http.MethodGet, "/b?list-type=2&prefix=in%2F", "", nil), 0, "s3:prefix", "in/"},
		{"an object's list", asks("s3", http.MethodPut, "/b/k", "", map[string]string{"X-Amz-Acl": "private"}), 0, "s3:x-amz-acl", "private"},
		{"what tags are made with", formCall("ec2", "Action", "CreateVpc", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "b"), 1, "ec2:CreateAction", "CreateVpc"},
		{"who may call a function", asks("lambda", http.MethodPost, "/2015-03-31/functions/f/policy", `{"Principal":"s3.amazonaws.com"}`, nil), 0, "lambda:Principal", "s3.amazonaws.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values, present := read(t, world{}, tt.request).Checks[tt.check].Context.Lookup(tt.key)
			if unproven := strings.HasPrefix(tt.name, "a query by another"); tt.want == "" && present != unproven {
				t.Errorf("it has the key: %v", present)
			}
			if got := strings.Join(values, " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHidden has what is refused without refusing the request.
func TestHidden(t *testing.T) {
	t.Parallel()
	checks := read(t, world{}, asks("lambda", http.MethodGet, "/2015-03-31/functions/secret/configuration", "", nil)).Checks
	if len(checks) != 2 || checks[0].Hides || !checks[1].Hides {
		t.Errorf("got %+v", checks)
	}
}

// TestTable reads the table that is built in, and wants actions of every service.
func TestTable(t *testing.T) {
	t.Parallel()
	reader, err := NewReader(world{})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for service := range reader.table {
		names := reader.Actions(service)
		if len(names) == 0 {
			t.Errorf("%s has no actions", service)
		}
		count += len(names)
	}
	const least = 250
	if count < least {
		t.Errorf("%d actions, want %d", count, least)
	}
	if _, err := readTable("kinds x\n"); err == nil {
		t.Error("an unknown line is taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("ecs", "POST", "/", "X.UpdateService", `{"cluster":"c"}`)
	f.Add("s3", "GET", "/b/k?versionId=1", "", "")
	f.Add("lambda", "POST", "/2015-03-31/functions/f/policy", "", "{}")
	f.Add("sns", "POST", "/", "", "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ar%3A1%3At%3Ax")
	f.Add("kms", "POST", "/", "T.Decrypt", `{"EncryptionContext":{"a":"b"}}`)
	f.Fuzz(func(t *testing.T, service, method, path, target, body string) {
		address, err := url.ParseRequestURI(path)
		if err != nil || strings.ContainsAny(service, "/, =") {
			t.Skip("no request")
		}
		r := &http.Request{Method: method, URL: address, Header: http.Header{}}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/r/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
		if target != "" {
			r.Header.Set("X-Amz-Target", target)
		}
		reader, err := NewReader(world{})
		if err != nil {
			t.Fatal(err)
		}
		call, err := reader.Read(t.Context(), r, func() ([]byte, error) { return []byte(body), nil })
		if err != nil {
			return
		}
		for _, c := range call.Checks {
			if c.Action == "" || c.Resource == "" || c.Context == nil {
				t.Errorf("%s %s: %+v", method, path, c)
			}
		}
	})
}
