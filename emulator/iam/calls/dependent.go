package calls

import (
	"context"
	"slices"
	"strings"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
)

// dependent are the actions that AWS checks with the caller's rights besides the
// request's own.
func (d *Reader) dependent(ctx context.Context, q *request, own []Check) ([]Check, error) {
	all := q.passed()
	all = append(all, q.tagged(own)...)
	all = append(all, q.others()...)
	for _, find := range [...]func(context.Context, *request, []Check) ([]Check, error){d.passedToTasks, d.linked, d.keys} {
		found, err := find(ctx, q, own)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// pass checks that a role may be handed to a service.
func pass(service string, roles ...string) []Check {
	checks := make([]Check, 0, len(roles))
	for _, role := range roles {
		if !strings.HasPrefix(role, "arn:") {
			role = "arn:aws:iam::" + awsapi.DefaultAccount + ":role/" + role
		}
		v := iam.Values{}
		v.Set("iam:PassedToService", service)
		checks = append(checks, Check{Action: "iam:PassRole", Resource: role, Context: v})
	}
	return checks
}

// passed are the roles that a request hands to a service.
func (q *request) passed() []Check {
	switch q.service + ":" + q.operation {
	case "ecs:RegisterTaskDefinition":
		return pass("ecs-tasks.amazonaws.com", q.all("taskRoleArn", "executionRoleArn")...)
	case "ecs:CreateService":
		return pass("ecs.amazonaws.com", q.all("role", "loadBalancers.advancedConfiguration.roleArn")...)
	case "ecs:UpdateService":
		return pass("ecs.amazonaws.com", q.all("loadBalancers.advancedConfiguration.roleArn")...)
	case "lambda:CreateFunction", "lambda:UpdateFunctionConfiguration":
		return pass("lambda.amazonaws.com", q.all("Role")...)
	case "redshift:CreateCluster", "redshift:ModifyClusterIamRoles":
		return pass("redshift.amazonaws.com", q.all("IamRoles", "IamRoles.IamRoleArn", "AddIamRoles", "AddIamRoles.IamRoleArn")...)
	case "ec2:CreateFlowLogs":
		return pass("vpc-flow-logs.amazonaws.com", q.all("DeliverLogsPermissionArn")...)
	}
	return nil
}

// passedToTasks are the roles of the tasks that a request starts itself.
func (d *Reader) passedToTasks(ctx context.Context, q *request, _ []Check) ([]Check, error) {
	if q.service != "ecs" || q.operation != "RunTask" && q.operation != "StartTask" {
		return nil, nil
	}
	roles, err := d.facts.TaskRoles(ctx, q.region, q.first("taskDefinition"))
	if err != nil {
		return nil, err
	}
	for _, role := range q.all("overrides.taskRoleArn", "overrides.executionRoleArn") {
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return pass("ecs-tasks.amazonaws.com", roles...), nil
}

// tagged is the right to tag what a request makes, with tags in the same request.
func (q *request) tagged(own []Check) []Check {
	if len(q.tags) == 0 || len(own) == 0 {
		return nil
	}
	var action string
	switch q.service {
	case "ec2":
		action = "CreateTags"
		if q.operation == "CreateTags" || q.operation == "DeleteTags" {
			return nil
		}
	case "elasticloadbalancing":
		action = "AddTags"
	case "redshift":
		action = "CreateTags"
	case "sqs":
		action = "TagQueue"
	case "ssm":
		action = "AddTagsToResource"
	case "iam":
		action = map[string]string{"CreateRole": "TagRole", "CreatePolicy": "TagPolicy", "CreateOpenIDConnectProvider": "TagOpenIDConnectProvider"}[q.operation]
	default:
		action = "TagResource"
	}
	if action == "" || strings.Contains(q.operation, "Tag") {
		return nil
	}
	var checks []Check
	for _, c := range own {
		resource := q.made(c.Resource)
		if resource == "" {
			continue
		}
		v := iam.Values{}
		for key, values := range c.Context {
			v[key] = values
		}
		switch q.service {
		case "ec2", "ecs", "elasticloadbalancing":
			v.Set(q.service+":CreateAction", q.operation)
		}
		checks = append(checks, Check{Action: q.service + ":" + action, Resource: resource, Context: v})
	}
	return checks
}

// made is the ARN of what a request makes, out of the resources of its own
// checks; empty for one that it only uses.
func (q *request) made(resource string) string {
	switch q.service {
	case "ec2":
		// What is there has an id.
		if !strings.HasSuffix(resource, "/"+anything) {
			return ""
		}
	case "elasticloadbalancing":
		if q.operation == "CreateListener" {
			return strings.Replace(resource, ":loadbalancer/", ":listener/", 1) + "/" + anything
		}
	case "ecs":
		if q.operation == "RunTask" || q.operation == "StartTask" {
			return q.arn("ecs", "task/"+q.other("ClusterName")+"/"+anything)
		}
	case "kms":
		return q.arn("kms", "key/"+anything)
	case "logs":
		return strings.TrimSuffix(resource, ":log-stream:")
	}
	return resource
}

// others are single actions that go with an operation.
func (q *request) others() []Check {
	one := func(action, resource string) []Check {
		return []Check{{Action: action, Resource: resource, Context: iam.Values{}}}
	}
	switch q.service + ":" + q.operation {
	case "ec2:CreateVpcEndpoint":
		if q.first("VpcEndpointType") == "Interface" && q.first("PrivateDnsEnabled") != "false" {
			return one("route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/"+anything)
		}
	case "ec2:CreateFlowLogs":
		return one("logs:CreateLogDelivery", anything)
	case "ec2:DeleteFlowLogs":
		return one("logs:DeleteLogDelivery", anything)
	case "redshift:CreateCluster":
		if q.first("ManageMasterPassword") == "true" {
			secret := q.arn("secretsmanager", "secret:redshift!"+q.first("ClusterIdentifier")+"-"+q.first("MasterUsername"))
			return slices.Concat(one("secretsmanager:CreateSecret", secret), one("secretsmanager:TagResource", secret))
		}
	case "s3:PutObject", "s3:CreateMultipartUpload":
		if q.http.Header.Get("X-Amz-Tagging") != "" {
			return one("s3:PutObjectTagging", "arn:aws:s3:::"+q.first("Bucket")+"/"+q.first("Key"))
		}
	case "s3:CopyObject":
		source := strings.TrimPrefix(decoded(q.http.Header.Get("X-Amz-Copy-Source")), "/")
		source, _, _ = strings.Cut(source, "?versionId=")
		return one("s3:GetObject", "arn:aws:s3:::"+source)
	case "application-autoscaling:PutScalingPolicy":
		if strings.HasPrefix(q.first("ResourceId"), "service/") {
			alarm := q.arn("cloudwatch", "alarm:TargetTracking-"+q.first("ResourceId")+"-"+anything)
			return slices.Concat(one("cloudwatch:PutMetricAlarm", alarm), one("cloudwatch:DescribeAlarms", alarm))
		}
	case "application-autoscaling:DeleteScalingPolicy":
		return one("cloudwatch:DeleteAlarms", q.arn("cloudwatch", "alarm:TargetTracking-"+q.first("ResourceId")+"-"+anything))
	}
	return nil
}

// linked is the right to make a service-linked role, at the first use of a
// service in an account.
func (d *Reader) linked(ctx context.Context, q *request, _ []Check) ([]Check, error) {
	service := ""
	switch q.service + ":" + q.operation {
	case "ecs:CreateCluster", "ecs:CreateService":
		service = "ecs.amazonaws.com"
	case "elasticloadbalancing:CreateLoadBalancer":
		service = "elasticloadbalancing.amazonaws.com"
	case "application-autoscaling:RegisterScalableTarget":
		if q.first("ServiceNamespace") == "ecs" {
			service = "ecs.application-autoscaling.amazonaws.com"
		}
	case "redshift:CreateCluster":
		service = "redshift.amazonaws.com"
	}
	if service == "" {
		return nil, nil
	}
	role := LinkedRole(service)
	lacks, err := d.facts.Lacks(ctx, role)
	if err != nil || !lacks {
		return nil, err
	}
	v := iam.Values{}
	v.Set("iam:AWSServiceName", service)
	return []Check{{Action: "iam:CreateServiceLinkedRole", Resource: role, Context: v}}, nil
}

// keys is the use of customer managed keys behind what a request reads, writes or
// makes: the services use them in the caller's name.
func (d *Reader) keys(ctx context.Context, q *request, own []Check) ([]Check, error) {
	if len(own) == 0 {
		return nil, nil
	}
	actions, hides := keyUse(q)
	if len(actions) == 0 {
		return nil, nil
	}
	key, err := d.keyBehind(ctx, q, own[0].Resource)
	if err != nil || key == "" {
		return nil, err
	}
	checks := make([]Check, 0, len(actions))
	for _, action := range actions {
		v := iam.Values{}
		v.Set("kms:ViaService", q.service+"."+q.region+".amazonaws.com")
		if action == "CreateGrant" {
			v.Set("kms:GrantIsForAWSResource", "true")
		}
		for name, value := range encryptionContext(q, own[0].Resource) {
			v.Set("kms:EncryptionContext:"+name, value)
		}
		checks = append(checks, Check{Action: "kms:" + action, Resource: key, Context: v, Hides: hides})
	}
	return checks, nil
}

// keyUse is what an operation needs to do with the key behind its resource.
func keyUse(q *request) (actions []string, hides bool) {
	switch q.service + ":" + q.operation {
	case "s3:GetObject":
		return []string{"Decrypt"}, false
	case "s3:PutObject":
		return []string{"GenerateDataKey"}, false
	case "s3:CopyObject", "s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload":
		// Parts are read back when they are put together.
		return []string{"GenerateDataKey", "Decrypt"}, false
	case "sns:Publish", "sns:PublishBatch", "sqs:SendMessage", "sqs:SendMessageBatch":
		return []string{"GenerateDataKey", "Decrypt"}, false
	case "sqs:ReceiveMessage", "ssm:GetParameter", "ssm:GetParameters", "secretsmanager:GetSecretValue":
		return []string{"Decrypt"}, false
	case "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:Scan",
		"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:TransactGetItems", "dynamodb:TransactWriteItems":
		return []string{"Decrypt"}, false
	case "dynamodb:CreateTable", "ecr:CreateRepository", "redshift:CreateCluster":
		return []string{"DescribeKey", "CreateGrant"}, false
	case "lambda:CreateFunction", "lambda:UpdateFunctionConfiguration":
		return []string{"Encrypt", "CreateGrant"}, false
	case "lambda:GetFunction", "lambda:GetFunctionConfiguration":
		return []string{"Decrypt"}, true
	}
	return nil, false
}

// keyBehind is the key that the request names, or else the resource's.
func (d *Reader) keyBehind(ctx context.Context, q *request, resource string) (string, error) {
	named := q.first("KMSKeyArn", "SSESpecification.KMSMasterKeyId", "encryptionConfiguration.kmsKey", "KmsKeyId")
	if q.service == "s3" {
		named = q.http.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
		resource, _, _ = strings.Cut(strings.TrimPrefix(resource, "arn:aws:s3:::"), "/")
		resource = "arn:aws:s3:::" + resource
	}
	if named != "" {
		key, customer, err := d.facts.Key(ctx, q.region, named)
		if !customer {
			key = ""
		}
		return key, err
	}
	if q.service == "ssm" && q.first("WithDecryption") != "true" {
		return "", nil
	}
	return d.facts.KeyOf(ctx, resource)
}

// encryptionContext is what a service binds its use of a key to.
func encryptionContext(q *request, resource string) map[string]string {
	switch q.service {
	case "s3":
		return map[string]string{"aws:s3:arn": resource}
	case "lambda":
		return map[string]string{"aws:lambda:FunctionArn": resource}
	}
	return nil
}
